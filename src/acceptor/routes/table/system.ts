/** The routes of the node itself: figures, health, probes. */
import { RequestError } from '../../../core/errors.js';
import { GREETING, HEALTH, LIVENESS, READINESS, STATS } from '../../../wire/schemas/system.js';
import { LIVE_VIEW, nodeView } from '../../../wire/views/health-view.js';
import { type Route, rawRoute, route } from '../../http/route.js';
import type { SystemRoutes } from '../system-routes.js';

export interface SystemTableParts {
  nodeId: string;
  system: SystemRoutes;
}

export function systemTable({ nodeId, system }: SystemTableParts): Route[] {
  const plain = { method: 'GET', params: null, query: null, body: null, errors: [] } as const;
  return [
    route({
      ...plain,
      path: '/api/stats',
      scope: 'subscribe',
      text: 'Counts what the node does.',
      answer: { 200: STATS },
      handle: ({ principal }) => system.stats(principal),
    }),
    rawRoute({
      ...plain,
      path: '/api/health',
      scope: 'anyone',
      text: 'Tells whether what was promised moves; for alarms.',
      answer: { 200: HEALTH, 503: HEALTH },
      serve: (exchange) => system.health(exchange),
    }),
    route({
      ...plain,
      path: '/livez',
      scope: 'anyone',
      text: 'Answers while the process lives.',
      answer: { 200: LIVENESS },
      handle: async () => LIVE_VIEW,
    }),
    rawRoute({
      ...plain,
      path: '/readyz',
      scope: 'anyone',
      text: 'Tells whether a publish would be served now; for load balancers.',
      answer: { 200: READINESS, 503: READINESS },
      serve: (exchange) => system.ready(exchange),
    }),
    rawRoute({
      ...plain,
      path: '/ws',
      scope: 'anyone',
      text: 'Takes WebSockets; this answers whoever asks without an upgrade.',
      answer: {},
      errors: ['upgrade_required'],
      serve: (exchange) => {
        const error = new RequestError('upgrade_required', 'connect with a WebSocket client');
        exchange.fail(error, ['Upgrade', 'websocket']);
      },
    }),
    route({
      ...plain,
      path: '/',
      scope: 'anyone',
      text: 'Names the product and the node.',
      answer: { 200: GREETING },
      handle: async () => nodeView(nodeId),
    }),
  ];
}
