/**
 * The public keys of the operator's issuer, as its set (JWKS, RFC 7517) last had them, on the main thread.
 * Each is bound to one algorithm when it is read. The set is read again by the clock, and for a key that it
 * does not have, once in so long, whoever makes key ids up.
 */
import { importJWK, type JWK } from 'jose';
import type { Clock } from '../core/clock.js';
import { RequestError } from '../core/errors.js';

/** While it cannot be read, what it last had is good for this long. */
const STALE_MS = 3_600_000;
/** Trouble that lasts is told this often. */
const TELL_MS = 60_000;
const KEYS_MAX = 64;
/** Of 2,048 bits (RFC 7518, 3.3). */
const RSA_BYTES_MIN = 256;

export type KeyAlgorithm = 'EdDSA' | 'RS256';
export type IssuerKey = Awaited<ReturnType<typeof importJWK>>;

export interface IssuerKeysOptions {
  /** The set as text. Rejects with an error whose message names no secret. */
  load: () => Promise<string>;
  clock: Clock;
  /** Between two tries to read the set for a key that it does not have. */
  refetchMs: number;
  /** It is read again in the background after this long. */
  freshMs: number;
  /** For the operator. */
  onTrouble: (why: string) => void;
}

interface SetKey {
  kid: string | undefined;
  alg: KeyAlgorithm;
  key: IssuerKey;
}

export class IssuerKeys {
  readonly #options: IssuerKeysOptions;
  #keys: readonly SetKey[] = [];
  /** Monotonic ms; before the first time long ago. */
  #loadedAtMs = Number.NEGATIVE_INFINITY;
  #triedAtMs = Number.NEGATIVE_INFINITY;
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #loading: Promise<void> | null = null;
  readonly #reading: NodeJS.Timeout;

  constructor(options: IssuerKeysOptions) {
    this.#options = options;
    // It keeps nobody alive: there may be no node around it.
    this.#reading = setInterval(() => void this.#load(), options.freshMs).unref();
  }

  close(): void {
    clearInterval(this.#reading);
  }

  /** Rejects with what is wrong with the set. */
  first(): Promise<void> {
    const reading = this.#begin();
    this.#loading = this.#settled(reading.catch(() => undefined));
    return reading;
  }

  /**
   * The key of that id, or the only one of that algorithm for a token that names none; null: there is none.
   * Rejects `busy` while the set cannot be had.
   */
  async find(alg: string, kid: string | undefined): Promise<IssuerKey | null> {
    const ageMs = this.#options.clock.monotonic() - this.#loadedAtMs;
    const due = ageMs > this.#options.freshMs ? this.#load() : null;
    if (ageMs > STALE_MS) await due;
    let found = this.#match(alg, kid);
    if (found === null) {
      await this.#load();
      found = this.#match(alg, kid);
    }
    if (this.#options.clock.monotonic() - this.#loadedAtMs <= STALE_MS) return found;
    throw new RequestError('busy', 'the keys of the issuer cannot be had: see the log of the node');
  }

  #match(alg: string, kid: string | undefined): IssuerKey | null {
    const fitting = this.#keys.filter((one) => one.alg === alg && (kid ?? one.kid) === one.kid);
    const [only] = fitting;
    return fitting.length === 1 && only !== undefined ? only.key : null;
  }

  /** Once for all who wait, and not before it is due. Rejects never. */
  #load(): Promise<void> {
    const { clock, refetchMs } = this.#options;
    if (this.#loading !== null) return this.#loading;
    if (clock.monotonic() - this.#triedAtMs < refetchMs) return Promise.resolve();
    this.#loading = this.#settled(
      this.#begin().catch((error: unknown) =>
        this.#tell(error instanceof Error ? error.message : String(error)),
      ),
    );
    return this.#loading;
  }

  /** It counts as tried from its beginning. */
  #begin(): Promise<void> {
    this.#triedAtMs = this.#options.clock.monotonic();
    return this.#read();
  }

  #settled(loading: Promise<void>): Promise<void> {
    return loading.finally(() => {
      this.#loading = null;
    });
  }

  async #read(): Promise<void> {
    const { load, clock } = this.#options;
    const keys: SetKey[] = [];
    for (const jwk of keysIn(await load())) {
      const key = await readKey(jwk);
      if (typeof key === 'string') this.#tell(key);
      else if (key !== null) keys.push(key);
    }
    this.#keys = keys;
    this.#loadedAtMs = clock.monotonic();
  }

  #tell(why: string): void {
    const nowMs = this.#options.clock.monotonic();
    if (nowMs - this.#toldAtMs < TELL_MS) return;
    this.#toldAtMs = nowMs;
    this.#options.onTrouble(why);
  }
}

/** Throws for what is no set of keys. */
function keysIn(text: string): JWK[] {
  let set: { keys?: unknown } | null;
  try {
    set = JSON.parse(text);
  } catch {
    throw new Error('is no JSON');
  }
  if (!Array.isArray(set?.keys)) throw new Error('is no set of keys: it has no list "keys"');
  if (set.keys.length > KEYS_MAX) throw new Error(`has more than ${KEYS_MAX} keys`);
  return set.keys.filter((one: unknown) => typeof one === 'object' && one !== null);
}

/** Null: of a kind that is not taken, as others may be in a set. Text: what is wrong with it. */
async function readKey(jwk: JWK): Promise<SetKey | string | null> {
  const { kty, use, crv, kid } = jwk;
  const [n, e, x] = [jwk.n ?? '', jwk.e ?? '', jwk.x ?? ''];
  if (use !== undefined && use !== 'sig') return null;
  const isEdwards = kty === 'OKP' && crv === 'Ed25519';
  const alg = isEdwards ? 'EdDSA' : 'RS256';
  if (!isEdwards && kty !== 'RSA') return null;
  // Its newer name (RFC 9864).
  const named = jwk.alg === 'Ed25519' ? 'EdDSA' : (jwk.alg ?? alg);
  if (named !== alg) return null;
  if (!isEdwards && Buffer.from(n, 'base64url').length < RSA_BYTES_MIN) {
    return 'a key of RSA has less than 2048 bits, and is not taken';
  }
  // Nothing but what is public of it.
  const open = isEdwards ? { kty: 'OKP', crv: 'Ed25519', x } : { kty: 'RSA', n, e };
  try {
    return { kid, alg, key: await importJWK(open, alg) };
  } catch {
    return `a key of the kind ${alg} cannot be read, and is not taken`;
  }
}
