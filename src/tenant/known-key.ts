/**
 * One API key as an acceptor knows it: the principal made of it, until when that is believed, and what it
 * was used for. Times are monotonic ms.
 */
import type { FoundKey } from '../core/key-record.js';
import { Principal } from '../core/principal.js';

const NEVER = Number.POSITIVE_INFINITY;

export class KnownKey {
  readonly id: string;
  /** SHA-256 of the whole key. */
  readonly digest: Buffer;
  readonly principal: Principal;
  /** Whoever shows it is taken until then without a look-up. */
  untilMs = 0;
  /** 0: nobody has shown it. */
  usedAtMs = 0;
  /** As it was shown; null: it was not, here. */
  text: string | null = null;
  #checkedAtMs = 0;
  #isDoubted = false;
  /** When it expires. */
  #endMs = NEVER;
  #saidUsedAtMs: number | null = null;

  constructor(id: string, digest: Buffer, principal: Principal) {
    this.id = id;
    this.digest = digest;
    this.principal = principal;
  }

  /** As the directory has it; not believed yet. */
  static of({ id, digest, tenant, scopes, topics, expiresAtMs, loginOf }: FoundKey): KnownKey {
    const whose = { keyId: loginOf ?? id, ...(loginOf === undefined ? {} : { loginId: id }) };
    const principal = new Principal(tenant, scopes, { topics, expiresAtMs, ...whose });
    return new KnownKey(id, Buffer.from(digest, 'hex'), principal);
  }

  /** Of the configuration: it does not change and does not end. */
  static configured(keyId: string, digest: Buffer, principal: Principal): KnownKey {
    const key = new KnownKey(keyId, digest, principal);
    key.untilMs = NEVER;
    return key;
  }

  /** Whether it is as it was, but for its end. */
  isStill(found: FoundKey): boolean {
    const { digest, tenant, scopes, topics } = found;
    return (
      digest === this.digest.toString('hex') &&
      tenant === this.principal.tenant &&
      scopes.join() === [...this.principal.scopes].join() &&
      topics?.join() === this.principal.topics?.join()
    );
  }

  believe(found: FoundKey, { nowMs, ttlMs }: { nowMs: number; ttlMs: number }): void {
    const { leftMs, expiresAtMs } = found;
    this.#checkedAtMs = nowMs;
    this.#isDoubted = false;
    this.#endMs = leftMs === null ? NEVER : nowMs + leftMs;
    this.untilMs = Math.min(nowMs + ttlMs, this.#endMs);
    this.principal.expiresAtMs = expiresAtMs;
  }

  /** It changed: it is to be looked up before it is believed again. */
  distrust(): void {
    this.untilMs = 0;
  }

  /** It may have changed: it is to be looked up, and believed meanwhile. */
  doubt(): void {
    this.#isDoubted = true;
  }

  isOver(nowMs: number): boolean {
    return nowMs >= this.#endMs;
  }

  /** Nobody came with it for as long as it was believed. */
  isIdle(nowMs: number, ttlMs: number): boolean {
    return !this.#isInUse && nowMs - this.#checkedAtMs >= ttlMs;
  }

  /** Whoever uses it shall not wait for a look-up. */
  isDue(nowMs: number, ttlMs: number): boolean {
    if (this.untilMs === 0 || this.#isDoubted) return true;
    return this.#isInUse && nowMs - this.#checkedAtMs >= ttlMs / 2;
  }

  /** Whether it is to be said now that it is used; then it counts as said. */
  saysUse(nowMs: number, eachMs: number): boolean {
    if (this.principal.receivers > 0) this.usedAtMs = nowMs;
    if (this.usedAtMs === 0) return false;
    const saidAtMs = this.#saidUsedAtMs;
    if (saidAtMs !== null && (this.usedAtMs <= saidAtMs || nowMs - saidAtMs < eachMs)) return false;
    this.#saidUsedAtMs = nowMs;
    return true;
  }

  get #isInUse(): boolean {
    return this.principal.receivers > 0 || this.usedAtMs > this.#checkedAtMs;
  }
}
