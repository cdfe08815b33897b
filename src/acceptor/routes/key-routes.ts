/**
 * /api/keys: what whoever manages keys may do, which is no more than he may himself: a key is made, shown
 * and ended by one that covers it (Principal.covers). The operator's covers all. What is not covered is not
 * there.
 */
import type { z } from 'zod';
import { RequestError } from '../../core/errors.js';
import type { KeyRecord, KeyRight } from '../../core/key-record.js';
import type { Principal } from '../../core/principal.js';
import { SCOPES } from '../../core/scope.js';
import type { Tenant } from '../../core/topic-key.js';
import type { keyPage, newKey, ROTATION } from '../../wire/schemas/keys.js';
import type { KeyPageShown, ShownKey } from '../../wire/views/key-view.js';
import { type Directory, OPERATOR } from './directory.js';

/** Who asks about which key. */
export interface KeyAsked {
  principal: Principal;
  params: { id: string };
}

export class KeyRoutes {
  readonly #directory: Directory;

  constructor(directory: Directory) {
    this.#directory = directory;
  }

  async create(
    principal: Principal,
    { tenant, scopes, topics, expires_at: expiresAtMs }: z.output<ReturnType<typeof newKey>>,
  ): Promise<ShownKey> {
    const right: KeyRight = {
      tenant: ownTenant(principal, tenant) ?? principal.tenant,
      scopes: SCOPES.filter((scope) => scopes.includes(scope)),
      topics,
      expiresAtMs,
    };
    if (!principal.covers(right)) throw tooMuch(principal, right);
    return this.#directory.ask(turnOf(principal), 'keys.create', right);
  }

  async list(
    principal: Principal,
    { tenant, limit, after }: z.output<ReturnType<typeof keyPage>>,
  ): Promise<KeyPageShown> {
    const whose = ownTenant(principal, tenant);
    const { records } = await this.#directory.ask(turnOf(principal), 'keys.list', {
      tenant: whose,
      limit,
      after,
    });
    return { asked: records, shown: records.filter((record) => principal.covers(record)) };
  }

  async delete({ principal, params: { id } }: KeyAsked): Promise<undefined> {
    await this.#find(principal, id);
    const { deleted } = await this.#directory.ask(turnOf(principal), 'keys.delete', { id });
    if (!deleted) throw keyNotFound();
  }

  async rotate(
    { principal, params: { id } }: KeyAsked,
    { overlap_s: overlapS }: z.output<typeof ROTATION>,
  ): Promise<ShownKey> {
    await this.#find(principal, id);
    return this.#directory.ask(turnOf(principal), 'keys.rotate', {
      id,
      overlapMs: overlapS * 1_000,
    });
  }

  async #find(principal: Principal, id: string): Promise<KeyRecord> {
    const tenant = ownTenant(principal, null);
    const { record } = await this.#directory.ask(turnOf(principal), 'keys.get', { id, tenant });
    if (record === null || !principal.covers(record)) throw keyNotFound();
    return record;
  }
}

/** Null: of whichever, which is the operator's to ask. Another's tenant is not there. */
function ownTenant(principal: Principal, asked: Tenant | null): Tenant | null {
  if (principal.may('operate')) return asked;
  if (asked === null || asked === principal.tenant) return principal.tenant;
  throw new RequestError('tenant_not_found', 'no such tenant', 'tenant');
}

/** In whose turn the directory is asked. */
export function turnOf(principal: Principal): string {
  return principal.may('operate') ? OPERATOR : principal.tenant;
}

function tooMuch(principal: Principal, { scopes }: KeyRight): RequestError {
  const missing = scopes.find((scope) => !principal.may(scope));
  if (missing !== undefined) {
    return new RequestError('forbidden', `the key lacks the scope ${missing} itself`, 'scopes');
  }
  const detail = 'a key is given no more topics, and no more time, than the key that makes it has';
  return new RequestError('forbidden', detail);
}

function keyNotFound(): RequestError {
  return new RequestError('key_not_found', 'no such key', 'id');
}
