/** The routes of logins: a key for a cookie, and who asks. */
import * as schemas from '../../../wire/schemas/logins.js';
import { callerView } from '../../../wire/views/caller-view.js';
import { type Route, rawRoutesOf, routesOf } from '../../http/route.js';
import type { LoginRoutes } from '../login-routes.js';

export interface LoginTableParts {
  logins: Pick<LoginRoutes, 'checkTry' | 'begin' | 'end'>;
}

export function loginTable({ logins }: LoginTableParts): Route[] {
  const logged = rawRoutesOf({ scope: 'any key', errors: ['not_found'] });
  const shown = routesOf({ scope: 'anyone' });
  return [
    shown('GET /api/session', 'Tells who asks, and what they may do.', {
      withKey: 'more',
      answer: { 200: schemas.CALLER },
      handle: async ({ principal }) => callerView(principal),
    }),
    logged('POST /api/session', 'Logs a browser in by a key, or again by its cookie: a cookie.', {
      audit: 'session.open',
      answer: { 204: null },
      errors: ['login_rate'],
      before: (exchange, req) => logins.checkTry(exchange, req),
      serve: (exchange, req) => logins.begin(exchange, req),
    }),
    logged('DELETE /api/session', 'Logs a browser out, and closes what it has open.', {
      audit: 'session.close',
      answer: { 204: null },
      serve: (exchange) => logins.end(exchange),
    }),
  ];
}
