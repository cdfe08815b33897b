/**
 * The operator's own issuer: JWTs that are signed by a key of its set (EdDSA, RS256), or with the secret that
 * it shares with the node (HS256), on the main thread. Which of them a token may be checked with follows
 * from its algorithm, never from anything else in it; addresses of keys in its header are not looked at.
 */
import { errors, type JWTPayload, jwtVerify } from 'jose';
import type { Config } from '../config/config.js';
import type { Clock } from '../core/clock.js';
import type { TokenRecord } from '../core/token-record.js';
import { asTenant, type Tenant } from '../core/topic-key.js';
import { issuerClaims } from '../wire/schemas/tokens.js';
import type { IssuerKey, IssuerKeys, KeyAlgorithm } from './issuer-keys.js';

/** The last second of the year 9999: later ends cannot be told. */
const END_S_MAX = 253_402_300_799;
const SECOND_MS = 1_000;
const OF_SETS: readonly KeyAlgorithm[] = ['EdDSA', 'RS256'];
const OF_SECRETS = 'HS256';

export type IssuerConfig = Pick<
  Config,
  'jwtIssuer' | 'jwtAudience' | 'jwtHs256Secret' | 'jwtTenant' | 'limits'
>;

export interface IssuerOptions {
  config: IssuerConfig;
  clock: Clock;
  /** Null: tokens are HS256. */
  keys: IssuerKeys | null;
  /** Why a token was refused, in words that hold nothing of it. */
  onRefused: (why: string) => void;
}

export class Issuer {
  readonly #options: IssuerOptions;
  readonly #tenant: Tenant;
  readonly #algorithms: string[];
  readonly #secret: Uint8Array | null;
  readonly #claims: ReturnType<typeof issuerClaims>;

  constructor(options: IssuerOptions) {
    this.#options = options;
    const { config, keys } = options;
    const { jwtHs256Secret: secret } = config;
    this.#tenant = asTenant(config.jwtTenant);
    this.#secret = secret === null ? null : new TextEncoder().encode(secret);
    this.#algorithms = [
      ...(keys === null ? [] : OF_SETS),
      ...(secret === null ? [] : [OF_SECRETS]),
    ];
    this.#claims = issuerClaims(config.limits);
  }

  close(): void {
    this.#options.keys?.close();
  }

  /** Null: it is not good. Rejects with RequestError, or with a bug. */
  async check(token: string): Promise<TokenRecord | null> {
    const { config, clock, onRefused } = this.#options;
    const { jwtIssuer: issuer, jwtAudience: audience, limits } = config;
    // Without both, tokens that were made for others would be good here.
    if (issuer === null || audience === null) return null;
    try {
      const { payload } = await jwtVerify(token, ({ alg, kid }) => this.#keyFor(alg, kid), {
        ...{ issuer, audience, algorithms: this.#algorithms, requiredClaims: ['exp'] },
        ...{ clockTolerance: limits.jwtClockSkewS, currentDate: new Date(clock.now()) },
      });
      return this.#recordOf(payload);
    } catch (error) {
      if (!(error instanceof errors.JOSEError)) throw error;
      onRefused(error.code);
      return null;
    }
  }

  /** Rejects JWKSNoMatchingKey. */
  async #keyFor(alg: string, kid: string | undefined): Promise<IssuerKey> {
    if (alg === OF_SECRETS && this.#secret !== null) return this.#secret;
    const key = await this.#options.keys?.find(alg, kid);
    if (key == null) throw new errors.JWKSNoMatchingKey();
    return key;
  }

  #recordOf({ exp = 0, ...claims }: JWTPayload): TokenRecord | null {
    const { onRefused, config } = this.#options;
    const read = this.#claims.safeParse(claims);
    if (!read.success) {
      onRefused('the claim "conduit", or "sub", is not as it should be');
      return null;
    }
    const { sub: subject, conduit } = read.data;
    const { tenant, verbs, topics } = conduit;
    if ((tenant !== null && tenant !== this.#tenant) || exp > END_S_MAX) {
      onRefused('it is of another tenant, or its end is too far');
      return null;
    }
    const endS = Math.floor(exp) + config.limits.jwtClockSkewS;
    return { tenant: this.#tenant, verbs, topics, subject, expiresAtMs: endS * SECOND_MS };
  }
}
