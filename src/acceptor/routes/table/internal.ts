/** What nodes ask of each other. */
import * as schemas from '../../../wire/schemas/system.js';
import { type Route, rawRoutesOf } from '../../http/route.js';
import type { ForwardRoutes } from '../forward-routes.js';

export interface InternalTableParts {
  forwards: Pick<ForwardRoutes, 'take'>;
}

export function internalTable({ forwards }: InternalTableParts): Route[] {
  const open = rawRoutesOf({ scope: 'anyone' });
  return [
    open('POST /internal/forward', 'Takes what another node has for sessions here; for nodes.', {
      answer: { 200: schemas.FORWARDED },
      errors: [
        ...(['not_found', 'not_a_node', 'bad_request', 'empty_body'] as const),
        ...(['body_too_large', 'request_timeout', 'busy', 'log_unavailable'] as const),
      ],
      serve: (exchange, req) => forwards.take(exchange, req),
    }),
  ];
}
