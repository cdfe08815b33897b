/** The route of tokens. */
import type { Limits } from '../../../core/limits.js';
import type { TokenMint } from '../../../tenant/token-mint.js';
import * as schemas from '../../../wire/schemas/tokens.js';
import { madeTokenView } from '../../../wire/views/token-view.js';
import { type Route, routesOf } from '../../http/route.js';
import { TokenRoutes } from '../token-routes.js';

export interface TokenTableParts {
  limits: Limits;
  /** Null: no keys are asked for. */
  mint: TokenMint | null;
}

export function tokenTable({ limits, mint }: TokenTableParts): Route[] {
  const tokens = new TokenRoutes(mint);
  const lent = routesOf({ scope: 'publish or subscribe', errors: ['not_found'] });
  return [
    lent('POST /api/tokens', 'Makes a token of the asking key, and shows it, once.', {
      audit: 'token.create',
      body: schemas.newToken(limits),
      answer: { 201: schemas.MADE_TOKEN },
      handle: async ({ principal, body, note }) => {
        note?.isAbout(principal.tenant, body.subject ?? '');
        const { record, token } = await tokens.create(principal, body);
        return madeTokenView(record, token);
      },
    }),
  ];
}
