/** /api/tenants: the operator's. */
import type { z } from 'zod';
import { RequestError } from '../../core/errors.js';
import type { TenantRecord } from '../../core/key-record.js';
import { ANYONE } from '../../core/principal.js';
import type { Tenant } from '../../core/topic-key.js';
import type { NEW_TENANT, TENANT_PATCH, tenantPage } from '../../wire/schemas/keys.js';
import type { Control } from './control.js';
import { type Directory, OPERATOR } from './directory.js';

export class TenantRoutes {
  readonly #directory: Directory;
  readonly #control: Control;

  constructor(directory: Directory, control: Control) {
    this.#directory = directory;
    this.#control = control;
  }

  async create(tenant: z.output<typeof NEW_TENANT>): Promise<TenantRecord> {
    return (await this.#directory.ask(OPERATOR, 'tenants.create', tenant)).record;
  }

  async patch(name: Tenant, { quotas }: z.output<typeof TENANT_PATCH>): Promise<TenantRecord> {
    return (await this.#directory.ask(OPERATOR, 'tenants.patch', { name, quotas })).record;
  }

  async list(page: z.output<ReturnType<typeof tenantPage>>): Promise<TenantRecord[]> {
    return (await this.#directory.ask(OPERATOR, 'tenants.list', page)).records;
  }

  async delete(name: Tenant): Promise<undefined> {
    if (name === ANYONE.tenant) {
      throw new RequestError('tenant_in_use', `the tenant ${name} is there for good`);
    }
    // Without a database only the workers know; with one it is looked at again in the transaction.
    const page = { tenant: name, limit: 1, after: '', prefix: '' };
    const pages = await this.#control.browsing.all('topics.list', page);
    if (pages.some(({ records }) => records.length > 0)) {
      throw new RequestError('tenant_in_use', `the tenant ${name} has topics: delete them first`);
    }
    await this.#directory.ask(OPERATOR, 'tenants.delete', { name });
  }
}
