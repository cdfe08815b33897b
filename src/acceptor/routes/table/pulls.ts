/** The routes of HTTP consumers of durable subscriptions. */
import type { Limits } from '../../../core/limits.js';
import * as schemas from '../../../wire/schemas/pulls.js';
import { subscriptionPath } from '../../../wire/schemas/subscriptions.js';
import { type Route, rawRoutesOf, routesOf } from '../../http/route.js';
import type { Control } from '../control.js';
import type { PullRoutes } from '../pull-routes.js';
import { SettleRoutes } from '../settle-routes.js';

export interface PullTableParts {
  limits: Limits;
  control: Control;
  pulls: Pick<PullRoutes, 'pull'>;
}

const PATH = '/api/subscriptions/:topic/:name';

export function pullTable({ limits, control, pulls }: PullTableParts): Route[] {
  const params = subscriptionPath(limits);
  const pulled = rawRoutesOf({ scope: 'subscribe', params, errors: ['topic_not_found'] });
  const schema = schemas.pull(limits);
  return [
    pulled(`POST ${PATH}/pull`, 'Takes messages of a subscription, which it makes.', {
      body: schema,
      answer: { 200: schemas.PULLED },
      errors: [
        ...(['bad_cursor', 'pull_limit', 'session_limit', 'subscription_limit'] as const),
        ...(['quota_exceeded', 'subscription_in_use', 'subscription_not_found'] as const),
      ],
      serve: (exchange, req, asked) => pulls.pull({ exchange, req, schema }, asked.params),
    }),
    ...verdictTable(limits, new SettleRoutes(control)),
  ];
}

function verdictTable(limits: Limits, routes: SettleRoutes): Route[] {
  const errors = ['topic_not_found', 'subscription_not_found'] as const;
  const settled = routesOf({ scope: 'subscribe', params: subscriptionPath(limits), errors });
  const bodyLimit = 'publishBodyBytesMax';
  const answer = { 200: schemas.SETTLED } as const;
  return [
    settled(`POST ${PATH}/ack`, 'Acknowledges messages that were pulled.', {
      ...{ body: schemas.ACKED, bodyLimit, answer },
      handle: ({ principal, params, body: { tokens } }) =>
        routes.settle(principal, params, { verdict: 'ack', tokens, ms: null, reason: null }),
    }),
    settled(`POST ${PATH}/nack`, 'Refuses messages that were pulled: they come again.', {
      ...{ body: schemas.nacked(limits), bodyLimit, answer },
      handle: ({ principal, params, body: { tokens, delay_ms: ms, reason } }) =>
        routes.settle(principal, params, { verdict: 'nack', tokens, ms, reason }),
    }),
    settled(`POST ${PATH}/extend`, 'Gives more time for messages that were pulled.', {
      ...{ body: schemas.EXTENDED, bodyLimit, answer },
      handle: ({ principal, params, body: { tokens, ms } }) =>
        routes.settle(principal, params, { verdict: 'extend', tokens, ms, reason: null }),
    }),
    settled(`POST ${PATH}/reject`, 'Makes messages that were pulled dead letters.', {
      ...{ body: schemas.REJECTED, bodyLimit, answer },
      handle: ({ principal, params, body: { tokens, reason } }) =>
        routes.settle(principal, params, { verdict: 'reject', tokens, ms: null, reason }),
    }),
  ];
}
