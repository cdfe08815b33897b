/** Logins of a node without a database, on its main thread: they end with the node. */
import type { Clock } from '../core/clock.js';
import type { FoundKey } from '../core/key-record.js';
import type { Limits } from '../core/limits.js';
import { loginOver } from './key-refusal.js';
import {
  type FoundLogin,
  type LoginKey,
  type LoginStore,
  type NewLogin,
  REPLACED_MS,
} from './login-store.js';

export interface MemoryLoginsOptions {
  clock: Clock;
  limits: Pick<Limits, 'loginsPerKeyMax'>;
  /** The key of this id; null: it is not there, or over. */
  keyOf: (id: string) => FoundKey | null;
  /** Logins that are other than they were, or gone. */
  onChanged: (ids: readonly string[]) => void;
}

interface KeptLogin {
  digest: string;
  of: LoginKey;
  /** The first of those that replaced each other. */
  root: string;
  endMs: number;
}

export class MemoryLogins implements LoginStore {
  readonly #options: MemoryLoginsOptions;
  /** By id, the oldest first. */
  readonly #logins = new Map<string, KeptLogin>();

  constructor(options: MemoryLoginsOptions) {
    this.#options = options;
  }

  async find(ids: readonly string[]): Promise<FoundLogin[]> {
    const now = this.#options.clock.now();
    return ids.flatMap((id): FoundLogin[] => {
      const login = this.#living(id, now);
      if (login === null) return [];
      const { digest, of } = login;
      const leftMs = this.#endOf(login) - now;
      if ('variable' in of) {
        return [{ id, digest, leftMs, of: { ...of, proof: of.proof.toString('hex') } }];
      }
      const key = this.#options.keyOf(of.keyId);
      if (key === null) return [];
      const { tenant, scopes, topics, expiresAtMs } = key;
      return [{ id, digest, leftMs, of: { keyId: of.keyId, tenant, scopes, topics, expiresAtMs } }];
    });
  }

  async add({ id, digest, of, lifeMs, replaces }: NewLogin): Promise<number | null> {
    const now = this.#options.clock.now();
    this.#sweep(now);
    const before = replaces === null ? null : this.#living(replaces, now);
    const key = 'variable' in of ? null : this.#options.keyOf(of.keyId);
    const isOver = (replaces !== null && before === null) || (key === null && 'keyId' in of);
    if (isOver) throw loginOver();
    if (before !== null && this.#endOf(before) - now <= REPLACED_MS) return null;
    const never = Number.POSITIVE_INFINITY;
    const beforeEndMs = before === null ? never : this.#endOf(before);
    const endMs = Math.min(now + lifeMs, beforeEndMs, key?.expiresAtMs ?? never);
    if (before !== null && replaces !== null) {
      before.endMs = Math.min(before.endMs, now + REPLACED_MS);
      this.#options.onChanged([replaces]);
    }
    const root = before?.root ?? id;
    this.#logins.set(id, { digest: digest.toString('hex'), of, root, endMs });
    this.#trim(nameOf(of));
    return endMs - now;
  }

  async remove(id: string): Promise<void> {
    const root = this.#logins.get(id)?.root;
    const ids = [...this.#logins].flatMap(([one, login]) => (login.root === root ? [one] : []));
    for (const one of ids) this.#logins.delete(one);
    if (ids.length > 0) this.#options.onChanged(ids);
  }

  /** The ids of those that come of the key. */
  idsOf(keyId: string): string[] {
    return [...this.#logins].flatMap(([id, { of }]) => (nameOf(of) === keyId ? [id] : []));
  }

  #living(id: string, now: number): KeptLogin | null {
    const login = this.#logins.get(id);
    return login !== undefined && this.#endOf(login) > now ? login : null;
  }

  /** Its own, or that of its key. */
  #endOf({ of, endMs }: KeptLogin): number {
    if ('variable' in of) return endMs;
    const key = this.#options.keyOf(of.keyId);
    return key === null ? 0 : Math.min(endMs, key.expiresAtMs ?? endMs);
  }

  #sweep(now: number): void {
    for (const [id, login] of this.#logins) if (this.#endOf(login) <= now) this.#logins.delete(id);
  }

  #trim(keyId: string): void {
    const ids = this.idsOf(keyId);
    const oldest = ids.slice(0, Math.max(0, ids.length - this.#options.limits.loginsPerKeyMax));
    for (const id of oldest) this.#logins.delete(id);
    if (oldest.length > 0) this.#options.onChanged(oldest);
  }
}

function nameOf(of: LoginKey): string {
  return 'variable' in of ? of.variable : of.keyId;
}
