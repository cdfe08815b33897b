/** The routes of durable subscriptions. */
import type { Limits } from '../../../core/limits.js';
import type { Principal } from '../../../core/principal.js';
import {
  SEEK,
  SUBSCRIPTION,
  SUBSCRIPTION_PAGE,
  SUBSCRIPTION_PATCH,
  type SubscriptionPlace,
  subscriptionPage,
  subscriptionPath,
} from '../../../wire/schemas/subscriptions.js';
import { type Route, route } from '../../http/route.js';
import type { Control } from '../control.js';
import { SubscriptionRoutes, type SubscriptionTarget } from '../subscription-routes.js';

export interface SubscriptionTableParts {
  limits: Limits;
  control: Control;
}

export function subscriptionTable({ limits, control }: SubscriptionTableParts): Route[] {
  const subscriptions = new SubscriptionRoutes(control);
  return [
    route({
      method: 'GET',
      path: '/api/subscriptions',
      scope: 'subscribe',
      text: 'Lists the durable subscriptions, by topic and name.',
      params: null,
      query: subscriptionPage(limits),
      body: null,
      answer: { 200: SUBSCRIPTION_PAGE },
      errors: [],
      handle: ({ principal, query }) => subscriptions.list(principal, query),
    }),
    ...oneTable(limits, subscriptions),
    ...movesTable(limits, subscriptions),
  ];
}

const PATH = '/api/subscriptions/:topic/:name';

function ofOne(limits: Limits) {
  const errors = ['topic_not_found', 'subscription_not_found'] as const;
  return { params: subscriptionPath(limits), query: null, errors } as const;
}

function targetOf({
  principal,
  params,
}: {
  principal: Principal;
  params: SubscriptionPlace;
}): SubscriptionTarget {
  return { key: principal.keyOf(params.topic), subscription: params.name };
}

function oneTable(limits: Limits, subscriptions: SubscriptionRoutes): Route[] {
  const one = ofOne(limits);
  return [
    route({
      ...one,
      method: 'GET',
      path: PATH,
      scope: 'subscribe',
      text: 'Shows a subscription, and how far it is.',
      body: null,
      answer: { 200: SUBSCRIPTION },
      handle: (asked) => subscriptions.get(targetOf(asked)),
    }),
    route({
      ...one,
      method: 'PATCH',
      path: PATH,
      scope: 'manage',
      text: 'Changes its settings; what is left out stays.',
      body: SUBSCRIPTION_PATCH,
      answer: { 200: SUBSCRIPTION },
      handle: (asked) => subscriptions.patch(targetOf(asked), asked.body),
    }),
    route({
      ...one,
      method: 'DELETE',
      path: PATH,
      scope: 'manage',
      text: 'Ends a subscription, and forgets how far it was.',
      body: null,
      answer: { 204: null },
      handle: (asked) => subscriptions.delete(targetOf(asked)),
    }),
  ];
}

function movesTable(limits: Limits, subscriptions: SubscriptionRoutes): Route[] {
  const one = ofOne(limits);
  return [
    route({
      ...one,
      method: 'POST',
      path: `${PATH}/seek`,
      scope: 'manage',
      text: 'Goes on elsewhere in the topic, back or ahead.',
      body: SEEK,
      answer: { 200: SUBSCRIPTION },
      errors: [...one.errors, 'bad_cursor'],
      handle: (asked) => subscriptions.seek(targetOf(asked), asked.body),
    }),
    route({
      ...one,
      method: 'POST',
      path: `${PATH}/pause`,
      scope: 'manage',
      text: 'Sends nothing more until it is resumed.',
      body: null,
      answer: { 200: SUBSCRIPTION },
      handle: (asked) => subscriptions.pause(targetOf(asked)),
    }),
    route({
      ...one,
      method: 'POST',
      path: `${PATH}/resume`,
      scope: 'manage',
      text: 'Goes on where it was paused.',
      body: null,
      answer: { 200: SUBSCRIPTION },
      handle: (asked) => subscriptions.resume(targetOf(asked)),
    }),
  ];
}
