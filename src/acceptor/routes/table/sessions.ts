/** The routes of who is connected. */
import type { Limits } from '../../../core/limits.js';
import * as schemas from '../../../wire/schemas/sessions.js';
import { sessionPageView } from '../../../wire/views/session-view.js';
import { type Route, routesOf } from '../../http/route.js';
import type { SessionRoutes } from '../session-routes.js';

export interface SessionTableParts {
  limits: Limits;
  nodeId: string;
  sessions: Pick<SessionRoutes, 'list' | 'close' | 'ids'>;
}

export function sessionTable({ limits, nodeId, sessions }: SessionTableParts): Route[] {
  const listed = routesOf({ scope: 'manage or operate', errors: ['tenant_not_found'] });
  const one = routesOf({
    ...{ scope: 'manage or operate', params: schemas.SESSION_PATH },
    errors: ['session_not_found'],
  });
  return [
    listed(
      'GET /api/sessions',
      'Lists who is connected to this node, streams of events included.',
      {
        query: schemas.sessionPage(limits),
        answer: { 200: schemas.SESSION_PAGE },
        handle: async ({ principal, query }) =>
          sessionPageView(await sessions.list(principal, query), {
            node: nodeId,
            ids: sessions.ids,
          }),
      },
    ),
    one('DELETE /api/sessions/:id', 'Closes a session of this node, and tells the client.', {
      audit: 'session.disconnect',
      answer: { 204: null },
      handle: ({ principal, params }) => sessions.close(principal, params.id),
    }),
  ];
}
