/** The routes of who is connected. */
import type { Limits } from '../../../core/limits.js';
import * as schemas from '../../../wire/schemas/sessions.js';
import { sessionPageView } from '../../../wire/views/session-view.js';
import { type Route, routesOf } from '../../http/route.js';
import type { SessionRoutes } from '../session-routes.js';

export interface SessionTableParts {
  limits: Limits;
  sessions: Pick<SessionRoutes, 'list' | 'close'>;
}

export function sessionTable({ limits, sessions }: SessionTableParts): Route[] {
  const listed = routesOf({ scope: 'manage or operate', errors: ['tenant_not_found'] });
  const one = routesOf({
    ...{ scope: 'manage or operate', params: schemas.SESSION_PATH },
    errors: ['session_not_found'],
  });
  return [
    listed('GET /api/sessions', 'Lists who is connected, to all nodes; streams of events, too.', {
      query: schemas.sessionPage(limits),
      answer: { 200: schemas.SESSION_PAGE },
      handle: async ({ principal, query }) =>
        sessionPageView(await sessions.list(principal, query)),
    }),
    one('DELETE /api/sessions/:id', 'Closes a session, of whichever node, and tells the client.', {
      audit: 'session.disconnect',
      answer: { 204: null },
      handle: ({ principal, params }) => sessions.close(principal, params.id),
    }),
  ];
}
