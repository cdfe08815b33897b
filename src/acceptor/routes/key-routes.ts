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
import type { keyPage, newKey, ROTATION } from '../../wire/schemas/keys.js';
import type { KeyPageShown, ShownKey } from '../../wire/views/key-view.js';
import type { AuditNote } from '../http/audit-note.js';
import { type Directory, ownTenant, turnOf } from './directory.js';

/** Keys of a read: whoever is shown few of many is not to have a statement for each. */
const READ_AT_LEAST = 100;

/** Who asks about which key. */
export interface KeyAsked {
  principal: Principal;
  params: { id: string };
  /** Is told whose key it is, and of one that was made which. */
  note: AuditNote | null;
}

export class KeyRoutes {
  readonly #directory: Directory;

  constructor(directory: Directory) {
    this.#directory = directory;
  }

  async create(
    { principal, note }: Pick<KeyAsked, 'principal' | 'note'>,
    { tenant, scopes, topics, expires_at: expiresAtMs }: z.output<ReturnType<typeof newKey>>,
  ): Promise<ShownKey> {
    const whose = ownTenant(principal, tenant) ?? principal.tenant;
    note?.isAbout(whose);
    const right: KeyRight = {
      tenant: whose,
      scopes: SCOPES.filter((scope) => scopes.includes(scope)),
      topics,
      expiresAtMs,
    };
    if (!principal.covers(right)) throw tooMuch(principal, right);
    const made = await this.#directory.ask(turnOf(principal), 'keys.create', right);
    note?.isAbout(whose, made.record.id);
    return made;
  }

  /** A page is full of what may be shown, or the last: `next` names no key that is not. */
  async list(
    principal: Principal,
    { tenant, limit, after }: z.output<ReturnType<typeof keyPage>>,
  ): Promise<KeyPageShown> {
    const whose = ownTenant(principal, tenant);
    const shown: KeyRecord[] = [];
    const page = { tenant: whose, limit: Math.max(limit, READ_AT_LEAST), after };
    for (;;) {
      const { records } = await this.#directory.ask(turnOf(principal), 'keys.list', page);
      for (const record of records) {
        if (!principal.covers(record)) continue;
        shown.push(record);
        if (shown.length === limit) return { shown, next: record.id };
      }
      const last = records.at(-1);
      if (last === undefined || records.length < page.limit) return { shown };
      page.after = last.id;
    }
  }

  async delete(asked: KeyAsked): Promise<undefined> {
    const { principal, params } = asked;
    const { id } = params;
    await this.#find(asked);
    const { deleted } = await this.#directory.ask(turnOf(principal), 'keys.delete', { id });
    if (!deleted) throw keyNotFound();
  }

  async rotate(
    asked: KeyAsked,
    { overlap_s: overlapS }: z.output<typeof ROTATION>,
  ): Promise<ShownKey> {
    const { principal, params, note } = asked;
    const { id } = params;
    await this.#find(asked);
    const args = { id, overlapMs: overlapS * 1_000 };
    const made = await this.#directory.ask(turnOf(principal), 'keys.rotate', args);
    note?.isAbout(made.record.tenant, `${id}/${made.record.id}`);
    return made;
  }

  async #find({ principal, params: { id }, note }: KeyAsked): Promise<KeyRecord> {
    const tenant = ownTenant(principal, null);
    const { record } = await this.#directory.ask(turnOf(principal), 'keys.get', { id, tenant });
    if (record === null || !principal.covers(record)) throw keyNotFound();
    note?.isAbout(record.tenant);
    return record;
  }
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
