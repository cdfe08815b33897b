/** The routes of durable subscriptions. */
import type { Limits } from '../../../core/limits.js';
import type { Principal } from '../../../core/principal.js';
import * as schemas from '../../../wire/schemas/subscriptions.js';
import { subscriptionPageView, subscriptionView } from '../../../wire/views/subscription-view.js';
import { type Route, routesOf } from '../../http/route.js';
import type { Control } from '../control.js';
import { SubscriptionRoutes, type SubscriptionTarget } from '../subscription-routes.js';
import type { WebhookRoutes } from '../webhook-routes.js';

export interface SubscriptionTableParts {
  limits: Limits;
  control: Control;
  webhooks: Pick<WebhookRoutes, 'subscriptionGone'>;
}

export function subscriptionTable({ limits, control, webhooks }: SubscriptionTableParts): Route[] {
  const subscriptions = new SubscriptionRoutes(control);
  const shown = routesOf({ scope: 'subscribe' });
  return [
    shown('GET /api/subscriptions', 'Lists the durable subscriptions, by topic and name.', {
      query: schemas.subscriptionPage(limits),
      answer: { 200: schemas.SUBSCRIPTION_PAGE },
      handle: async ({ principal, query }) =>
        subscriptionPageView(await subscriptions.list(principal, query), query.limit),
    }),
    ...oneTable(limits, subscriptions, webhooks),
    ...movesTable(limits, subscriptions),
  ];
}

const PATH = '/api/subscriptions/:topic/:name';

function ofOne(limits: Limits) {
  const errors = ['topic_not_found', 'subscription_not_found'] as const;
  return { params: schemas.subscriptionPath(limits), errors } as const;
}

function targetOf({
  principal,
  params,
}: {
  principal: Principal;
  params: schemas.SubscriptionPlace;
}): SubscriptionTarget {
  return { key: principal.keyOf(params.topic), subscription: params.name };
}

function oneTable(
  limits: Limits,
  subscriptions: SubscriptionRoutes,
  webhooks: SubscriptionTableParts['webhooks'],
): Route[] {
  const shown = routesOf({ ...ofOne(limits), scope: 'subscribe' });
  const changed = routesOf({ ...ofOne(limits), scope: 'manage' });
  return [
    shown(`GET ${PATH}`, 'Shows a subscription, and how far it is.', {
      answer: { 200: schemas.SUBSCRIPTION },
      handle: async (asked) => subscriptionView(await subscriptions.get(targetOf(asked))),
    }),
    changed(`PATCH ${PATH}`, 'Changes its settings; what is left out stays.', {
      audit: 'subscription.change',
      body: schemas.SUBSCRIPTION_PATCH,
      answer: { 200: schemas.SUBSCRIPTION },
      handle: async (asked) =>
        subscriptionView(await subscriptions.patch(targetOf(asked), asked.body)),
    }),
    changed(`DELETE ${PATH}`, 'Ends a subscription, and forgets how far it was.', {
      audit: 'subscription.delete',
      answer: { 204: null },
      handle: async (asked) => {
        await subscriptions.delete(targetOf(asked));
        await webhooks.subscriptionGone(asked);
        return undefined;
      },
    }),
  ];
}

function movesTable(limits: Limits, subscriptions: SubscriptionRoutes): Route[] {
  const changed = routesOf({ ...ofOne(limits), scope: 'manage' });
  return [
    changed(`POST ${PATH}/seek`, 'Goes on elsewhere in the topic, back or ahead.', {
      audit: 'subscription.seek',
      body: schemas.SEEK,
      answer: { 200: schemas.SUBSCRIPTION },
      errors: ['bad_cursor'],
      handle: async (asked) =>
        subscriptionView(await subscriptions.seek(targetOf(asked), asked.body)),
    }),
    changed(`POST ${PATH}/pause`, 'Sends nothing more until it is resumed.', {
      audit: 'subscription.pause',
      answer: { 200: schemas.SUBSCRIPTION },
      handle: async (asked) => subscriptionView(await subscriptions.pause(targetOf(asked))),
    }),
    changed(`POST ${PATH}/resume`, 'Goes on where it was paused.', {
      audit: 'subscription.resume',
      answer: { 200: schemas.SUBSCRIPTION },
      handle: async (asked) => subscriptionView(await subscriptions.resume(targetOf(asked))),
    }),
  ];
}
