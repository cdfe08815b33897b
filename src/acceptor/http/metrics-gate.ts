/** Who may read METRICS_PORT: whoever shows METRICS_TOKEN; where there is none, anybody. */
import type { HttpRequest } from 'uWebSockets.js';
import { isSameSecret } from '../../core/api-key.js';
import { RequestError } from '../../core/errors.js';
import { ANYONE, Principal } from '../../core/principal.js';
import type { Gate } from './gate.js';
import { AUTHORIZATION } from './header-bytes.js';

const BEARER = /^bearer +/i;
const READER = new Principal(ANYONE.tenant, ['operate']);

/** `token` null: it asks for none. */
export function metricsGate(token: string | null): Gate {
  const isShown = (req: HttpRequest): boolean => {
    const header = req.getHeader(AUTHORIZATION);
    return BEARER.test(header) && isSameSecret(header.replace(BEARER, ''), token ?? '');
  };
  return {
    known: (_exchange, req) => (token === null || isShown(req) ? READER : null),
    admit: (exchange) => {
      const detail = 'show METRICS_TOKEN as Authorization: Bearer';
      exchange.fail(new RequestError('unauthorized', detail));
    },
    stillKnows: () => true,
    confirm: (_exchange, body, then) => then(body),
    stillMay: async () => true,
  };
}
