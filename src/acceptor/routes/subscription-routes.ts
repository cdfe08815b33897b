/** /api/subscriptions: durable subscriptions, looked at and changed at the owners of their topics. */
import type { HttpRequest } from 'uWebSockets.js';
import { RequestError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import type { SubscriptionSummary } from '../../core/subscription-record.js';
import type { TopicKey } from '../../core/topic-key.js';
import { checkTopicName, isName, nameRule } from '../../core/topic-name.js';
import type { CallResult } from '../../thread/calls.js';
import { subscriptionPageView, subscriptionView } from '../../wire/views/subscription-view.js';
import type { Exchange } from '../http/exchange.js';
import { Query, topicOf } from '../http/query.js';
import type { Route, RouteHandler } from '../http/router.js';
import { integerOf, knownFields, positionOf } from './body-fields.js';
import type { Control } from './control.js';

/** Which durable subscription. */
interface Target {
  key: TopicKey;
  subscription: string;
}

export function subscriptionRoutes(control: Control): Route[] {
  const routes = new SubscriptionRoutes(control);
  const one = '/api/subscriptions/:topic/:name';
  return [
    { path: '/api/subscriptions', methods: { get: (e, r) => routes.list(e, r) } },
    { path: one, methods: { get: routes.get, patch: routes.patch, delete: routes.delete } },
    { path: `${one}/seek`, methods: { post: routes.seek } },
    { path: `${one}/pause`, methods: { post: routes.pause } },
    { path: `${one}/resume`, methods: { post: routes.resume } },
  ];
}

class SubscriptionRoutes {
  readonly #control: Control;

  constructor(control: Control) {
    this.#control = control;
  }

  list(exchange: Exchange, req: HttpRequest): void {
    const { limits } = this.#control;
    const query = new Query(req.getQuery() ?? '', ['topic', 'limit', 'after']);
    const topic = query.text('topic');
    if (topic !== null) checkTopicName(topic, limits);
    const limit = query.integer('limit', 1, limits.pageItemsMax) ?? limits.pageItemsMax;
    const after = this.#after(query.text('after'));
    this.#control.run(exchange, async () => {
      // A floor that has passed a dead letter is not shown before the dead letter can be.
      await this.#control.askAll('subscription.flush', {});
      const { browsing } = this.#control;
      const args = { within: exchange.principal.within(topic), limit, after };
      const pages = await browsing.all('subscription.list', args);
      const stored = pages.flatMap(({ subscriptions }) => subscriptions).sort(byName);
      const known = await this.#alive(stored.slice(0, limit));
      exchange.json(200, subscriptionPageView(known, limit));
    });
  }

  readonly get: RouteHandler = (exchange, _req, topic, name) => {
    const target = this.#target(exchange, topic, name);
    this.#control.run(exchange, async () => {
      await this.#control.call(target.key, 'subscription.flush', {});
      const { browsing } = this.#control;
      const { subscription } = await browsing.of(target.key, 'subscription.get', target);
      const [one] = subscription === null ? [] : await this.#alive([subscription]);
      if (one === undefined) throw notFound();
      exchange.json(200, subscriptionView(one));
    });
  };

  /** With what the workers know of those that they have open. */
  async #alive(stored: readonly SubscriptionSummary[]): Promise<SubscriptionSummary[]> {
    if (stored.length === 0) return [];
    const of = stored.map(({ topicId, name }) => ({ topicId, name }));
    const known = await this.#control.askAll('subscription.live', { of });
    return stored.map((summary, n) => {
      const live = known.find(({ standings }) => standings[n] != null)?.standings[n];
      return { ...summary, ...live };
    });
  }

  readonly patch: RouteHandler = (exchange, req, topic, name) => {
    const target = this.#target(exchange, topic, name);
    this.#control.withBody(exchange, req, async (body) => {
      knownFields(body, ['ack_wait_ms', 'max_deliver']);
      const ackWaitMs = integerOf(body, 'ack_wait_ms', LIMITS.ackWaitMs);
      const maxDeliver = integerOf(body, 'max_deliver', LIMITS.maxDeliver);
      const args = { ...target, ackWaitMs, maxDeliver };
      answer(exchange, await this.#control.call(target.key, 'subscription.patch', args));
    });
  };

  readonly delete: RouteHandler = (exchange, _req, segment, second) => {
    const target = this.#target(exchange, segment, second);
    this.#control.run(exchange, async () => {
      const { deleted } = await this.#control.call(target.key, 'subscription.delete', target);
      if (!deleted) throw notFound();
      exchange.noContent();
    });
  };

  readonly seek: RouteHandler = (exchange, req, topic, name) => {
    const target = this.#target(exchange, topic, name);
    this.#control.withBody(exchange, req, async (body) => {
      const args = { ...target, start: positionOf(body) };
      answer(exchange, await this.#control.call(target.key, 'subscription.seek', args));
    });
  };

  readonly pause: RouteHandler = (exchange, _req, topic, name) => {
    const target = this.#target(exchange, topic, name);
    this.#control.run(exchange, async () => {
      answer(exchange, await this.#control.call(target.key, 'subscription.pause', target));
    });
  };

  readonly resume: RouteHandler = (exchange, _req, topic, name) => {
    const target = this.#target(exchange, topic, name);
    this.#control.run(exchange, async () => {
      answer(exchange, await this.#control.call(target.key, 'subscription.resume', target));
    });
  };

  #target(exchange: Exchange, segment: string, second: string): Target {
    const { limits } = this.#control;
    const subscription = nameOf(second, limits.topicNameBytesMax);
    return { key: exchange.principal.keyOf(topicOf(segment, limits)), subscription };
  }

  /** `<topic>/<name>`, as `next` gave it: neither can hold a slash. */
  #after(text: string | null): { topic: string; name: string } | null {
    if (text === null) return null;
    const [topic = '', name = '', ...rest] = text.split('/');
    if (topic !== '' && name !== '' && rest.length === 0) return { topic, name };
    throw new RequestError('invalid_query', 'takes what `next` gave', 'after');
  }
}

/** The name of a path segment. */
function nameOf(segment: string, bytesMax: number): string {
  try {
    const name = decodeURIComponent(segment);
    if (isName(name, bytesMax)) return name;
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
  }
  throw new RequestError('invalid_field', nameRule(bytesMax), 'subscription');
}

function notFound(): RequestError {
  const detail = 'the topic has no durable subscription of this name';
  return new RequestError('subscription_not_found', detail, 'subscription');
}

function answer(exchange: Exchange, { subscription }: CallResult<'subscription.patch'>): void {
  if (subscription === null) throw notFound();
  exchange.json(200, subscriptionView(subscription));
}

function byName(a: SubscriptionSummary, b: SubscriptionSummary): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}
