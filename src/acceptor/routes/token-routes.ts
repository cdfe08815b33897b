/** /api/tokens: a token of no more than the key that asks may do itself. */
import type { z } from 'zod';
import { RequestError } from '../../core/errors.js';
import type { Principal } from '../../core/principal.js';
import type { MadeToken, TokenMint } from '../../tenant/token-mint.js';
import type { newToken } from '../../wire/schemas/tokens.js';

const SECOND_MS = 1_000;

export class TokenRoutes {
  readonly #mint: TokenMint | null;

  /** Null: no keys are asked for. */
  constructor(mint: TokenMint | null) {
    this.#mint = mint;
  }

  async create(
    principal: Principal,
    { verbs, topics, subject, ttl_s: ttlS }: z.output<ReturnType<typeof newToken>>,
  ): Promise<MadeToken> {
    const { tenant, keyId, loginId, token } = principal;
    if (this.#mint === null || keyId === null) {
      throw new RequestError('not_found', 'this node makes no tokens: ENABLE_AUTH is false');
    }
    // Else one that leaked would never run out.
    if (token !== null) throw new RequestError('forbidden', 'a token makes no tokens: use a key');
    // Else what came of a login would go on after the logout.
    if (loginId !== null) {
      throw new RequestError('forbidden', 'a login makes no tokens: show the key itself');
    }
    const missing = verbs.find((verb) => !principal.may(verb));
    if (missing !== undefined) {
      throw new RequestError('forbidden', `the key lacks the scope ${missing} itself`, 'verbs');
    }
    if (!principal.holds({ tenant, scopes: verbs, topics })) {
      const detail = 'a token is for no more topics than the key that makes it: name some of its';
      throw new RequestError('forbidden', detail, 'topics');
    }
    const ttlMs = ttlS * SECOND_MS;
    return this.#mint.make(keyId, { tenant, verbs, topics, subject, ttlMs });
  }
}
