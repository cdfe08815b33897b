/**
 * /api/audit: what was done in a tenant, for whoever manages all of it; the operator sees all tenants.
 * Another tenant's is not there, nor what an earlier one of that name left.
 */
import type { z } from 'zod';
import type { AuditRecord } from '../../core/audit-record.js';
import type { Principal } from '../../core/principal.js';
import type { auditPage } from '../../wire/schemas/audit.js';
import { type Directory, ownTenant, turnOf } from './directory.js';

export class AuditRoutes {
  readonly #directory: Directory;

  constructor(directory: Directory) {
    this.#directory = directory;
  }

  async list(
    principal: Principal,
    { tenant, ...page }: z.output<ReturnType<typeof auditPage>>,
  ): Promise<AuditRecord[]> {
    // What is told of a tenant names topics that a key for some of them may not know.
    principal.whole();
    const lives = principal.may('operate') ? 'all' : 'this';
    const args = { tenant: ownTenant(principal, tenant), lives, ...page } as const;
    return (await this.#directory.ask(turnOf(principal), 'audit.list', args)).records;
  }
}
