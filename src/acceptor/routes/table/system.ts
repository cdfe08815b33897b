/** The routes of the node itself: figures, health, probes. */
import { clientName } from '../../../core/client-name.js';
import { RequestError } from '../../../core/errors.js';
import { members } from '../../../wire/schemas/kinds.js';
import { CLIENT_MEMBERS } from '../../../wire/schemas/sessions.js';
import * as schemas from '../../../wire/schemas/system.js';
import { LIVE_VIEW, nodeView } from '../../../wire/views/health-view.js';
import { nodeListView } from '../../../wire/views/node-list-view.js';
import { statsView } from '../../../wire/views/stats-view.js';
import { type Route, rawRoutesOf, routesOf } from '../../http/route.js';
import type { StaticFiles } from '../../http/static-files.js';
import type { Watches } from '../../watch/watches.js';
import type { SystemRoutes } from '../system-routes.js';

export interface SystemTableParts {
  nodeId: string;
  system: SystemRoutes;
  files: StaticFiles;
  watches: Pick<Watches, 'open'>;
}

export function systemTable({ nodeId, system, files, watches }: SystemTableParts): Route[] {
  const shown = routesOf({ scope: 'subscribe or operate' });
  const operated = routesOf({ scope: 'operate' });
  const drained = routesOf({
    ...{ scope: 'operate', params: schemas.NODE_PATH },
    errors: ['node_not_found'],
  });
  const open = routesOf({ scope: 'anyone' });
  return [
    shown('GET /api/stats', 'Counts what the nodes do.', {
      answer: { 200: schemas.STATS },
      handle: async ({ principal }) => statsView(await system.stats(principal)),
    }),
    watchRoute(watches),
    operated('GET /api/nodes', 'Lists the nodes of the cluster, by id.', {
      answer: { 200: schemas.NODE_LIST },
      handle: async ({ principal }) => nodeListView(await system.nodes(principal), nodeId),
    }),
    drained('POST /api/nodes/:id/drain', 'Has a node end in order, as SIGTERM does.', {
      audit: 'node.drain',
      answer: { 202: schemas.NODE_DRAINED },
      handle: async ({ params }) => {
        await system.drainNode(params.id);
        return { node: params.id, state: 'draining' } as const;
      },
    }),
    ...probeTable(system),
    rawRoutesOf({ scope: 'operate' })(
      'GET /metrics',
      'Counts what the node does, for Prometheus.',
      {
        answer: { 200: null },
        also: { 'text/plain': null },
        serve: (exchange) => system.metrics(exchange),
      },
    ),
    open('GET /livez', 'Answers while the process lives.', {
      answer: { 200: schemas.LIVENESS },
      handle: async () => LIVE_VIEW,
    }),
    rawRoutesOf({ scope: 'anyone' })('GET /', 'Names the node; shows browsers the dashboard.', {
      answer: { 200: schemas.GREETING },
      also: { 'text/html': null },
      serve: (exchange, req) => {
        if (!files.page(exchange, req)) exchange.json(200, nodeView(nodeId));
      },
    }),
  ];
}

function watchRoute(watches: SystemTableParts['watches']): Route {
  return rawRoutesOf({ scope: 'subscribe or operate' })(
    'GET /api/stream',
    'Streams the figures of the nodes each second, and what happens on this one.',
    {
      query: members(CLIENT_MEMBERS),
      askedBy: 'page',
      answer: { 200: null },
      also: { 'text/event-stream': null },
      errors: ['session_limit', 'quota_exceeded'],
      serve: (exchange, req, { query: { client, version } }) =>
        watches.open(exchange, req, client === null ? null : clientName(client, version)),
    },
  );
}

function probeTable(system: SystemRoutes): Route[] {
  const open = rawRoutesOf({ scope: 'anyone' });
  return [
    open('GET /api/health', 'Tells whether what was promised moves; for alarms.', {
      withKey: 'more',
      answer: { 200: schemas.HEALTH, 503: schemas.HEALTH },
      serve: (exchange) => system.health(exchange),
    }),
    open('GET /readyz', 'Tells whether a publish would be served now; for load balancers.', {
      answer: { 200: schemas.READINESS, 503: schemas.READINESS },
      serve: (exchange) => system.ready(exchange),
    }),
    open('GET /ws', 'Takes WebSockets; this answers whoever asks without an upgrade.', {
      answer: {},
      errors: ['upgrade_required'],
      serve: (exchange) => {
        const error = new RequestError('upgrade_required', 'connect with a WebSocket client');
        exchange.fail(error, ['Upgrade', 'websocket']);
      },
    }),
  ];
}
