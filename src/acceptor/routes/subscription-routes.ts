/** /api/subscriptions: durable subscriptions, looked at and changed at the owners of their topics. */
import type { HttpRequest } from 'uWebSockets.js';
import { RequestError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import type { TopicKey } from '../../core/topic-key.js';
import { checkTopicName, isName, nameRule } from '../../core/topic-name.js';
import {
  type SubscriptionState,
  type SubscriptionView,
  withHead,
} from '../../log/contract/subscription-view.js';
import type { Exchange } from '../http/exchange.js';
import { Query, topicOf } from '../http/query.js';
import type { Route, RouteHandler } from '../http/router.js';
import { integerOf, knownFields, positionOf } from './body-fields.js';
import type { Control } from './control.js';

/** As the log gives it: without what the workers know better. */
interface Stored {
  topicId: number;
  head: number;
  view: SubscriptionView;
}

/** Which durable subscription. */
interface Target {
  key: TopicKey;
  subscription: string;
}

type Page = { subscriptions: Stored[] };
type Answer = { subscription: SubscriptionView | null };

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
      const pages = await browsing.all<Page>('subscription.list', args);
      const stored = pages.flatMap(({ result }) => result.subscriptions).sort(byName);
      const subscriptions = await this.#alive(stored.slice(0, limit));
      const last = subscriptions.length === limit ? subscriptions.at(-1) : undefined;
      const next = last === undefined ? undefined : `${last.topic}/${last.name}`;
      exchange.json(200, { subscriptions, next });
    });
  }

  readonly get: RouteHandler = (exchange, _req, topic, name) => {
    const { key, subscription } = this.#target(exchange, topic, name);
    this.#control.run(exchange, async () => {
      await this.#control.call(key, 'subscription.flush', {});
      const { browsing } = this.#control;
      const args = { name: subscription };
      const { result } = await browsing.of<Page>(key, 'subscription.get', args);
      const [one] = await this.#alive(result.subscriptions);
      if (one === undefined) throw notFound();
      exchange.json(200, one);
    });
  };

  /** With what the workers know of those that they have open. */
  async #alive(stored: readonly Stored[]): Promise<SubscriptionView[]> {
    const of = stored.map(({ topicId, view }) => ({ topicId, name: view.name }));
    type Live = { live: (SubscriptionState | null)[] };
    const known =
      of.length === 0 ? [] : await this.#control.askAll<Live>('subscription.live', { of });
    return stored.map(({ view, head }, n) => {
      const live = known.find((one) => one.live[n] != null)?.live[n];
      return withHead({ ...view, ...live }, head);
    });
  }

  readonly patch: RouteHandler = (exchange, req, topic, name) => {
    const target = this.#target(exchange, topic, name);
    this.#control.withBody(exchange, req, async (body) => {
      knownFields(body, ['ack_wait_ms', 'max_deliver']);
      const changes = {
        ack_wait_ms: integerOf(body, 'ack_wait_ms', LIMITS.ackWaitMs),
        max_deliver: integerOf(body, 'max_deliver', LIMITS.maxDeliver),
      };
      this.#ask(exchange, 'subscription.patch', target, changes);
    });
  };

  readonly delete: RouteHandler = (exchange, _req, segment, second) => {
    const { key, subscription } = this.#target(exchange, segment, second);
    this.#control.run(exchange, async () => {
      type Deleted = { deleted: boolean };
      const args = { subscription };
      const { deleted } = await this.#control.call<Deleted>(key, 'subscription.delete', args);
      if (!deleted) throw notFound();
      exchange.noContent();
    });
  };

  readonly seek: RouteHandler = (exchange, req, topic, name) => {
    const target = this.#target(exchange, topic, name);
    this.#control.withBody(exchange, req, async (body) => {
      this.#ask(exchange, 'subscription.seek', target, { start: positionOf(body) });
    });
  };

  readonly pause: RouteHandler = (exchange, _req, topic, name) => {
    this.#ask(exchange, 'subscription.pause', this.#target(exchange, topic, name), {});
  };

  readonly resume: RouteHandler = (exchange, _req, topic, name) => {
    this.#ask(exchange, 'subscription.resume', this.#target(exchange, topic, name), {});
  };

  #ask(
    exchange: Exchange,
    method: string,
    { key, subscription: name }: Target,
    more: Record<string, unknown>,
  ): void {
    this.#control.run(exchange, async () => {
      const args = { ...more, subscription: name };
      const { subscription } = await this.#control.call<Answer>(key, method, args);
      if (subscription === null) throw notFound();
      exchange.json(200, subscription);
    });
  }

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

function byName({ view: a }: Stored, { view: b }: Stored): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}
