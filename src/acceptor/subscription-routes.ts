/** /api/subscriptions: durable subscriptions, looked at and changed at the owners of their topics. */
import type { HttpRequest } from 'uWebSockets.js';
import { RequestError } from '../core/errors.js';
import { checkTopicName, isName } from '../core/topic-name.js';
import { integerOf, knownFields, positionOf } from './body-fields.js';
import type { Control } from './control.js';
import type { Exchange } from './exchange.js';
import { Query, topicOf } from './query.js';
import type { Route, RouteHandler } from './router.js';

const ACK_WAIT_MS_MAX = 3_600_000;
const DELIVER_MAX = 1_000;

/** As the workers give it and clients get it. */
interface SubscriptionJson {
  topic: string;
  name: string;
}

type Answer = { subscription: SubscriptionJson | null };

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
      const args = { topic, limit, after };
      type Page = { subscriptions: SubscriptionJson[] };
      const pages = await this.#control.askAll<Page>('subscription.list', args);
      const subscriptions = pages
        .flatMap((page) => page.subscriptions)
        .sort(byName)
        .slice(0, limit);
      const last = subscriptions.length === limit ? subscriptions.at(-1) : undefined;
      const next = last === undefined ? undefined : `${last.topic}/${last.name}`;
      exchange.json(200, { subscriptions, next });
    });
  }

  readonly get: RouteHandler = (exchange, _req, topic, name) => {
    this.#ask(exchange, 'subscription.get', this.#target(topic, name), {});
  };

  readonly patch: RouteHandler = (exchange, req, topic, name) => {
    const target = this.#target(topic, name);
    this.#control.withBody(exchange, req, async (body) => {
      knownFields(body, ['ack_wait_ms', 'max_deliver']);
      const changes = {
        ack_wait_ms: integerOf(body, 'ack_wait_ms', 1, ACK_WAIT_MS_MAX),
        max_deliver: integerOf(body, 'max_deliver', 1, DELIVER_MAX),
      };
      this.#ask(exchange, 'subscription.patch', target, changes);
    });
  };

  readonly delete: RouteHandler = (exchange, _req, segment, second) => {
    const target = this.#target(segment, second);
    this.#control.run(exchange, async () => {
      type Deleted = { deleted: boolean };
      const args = { ...target };
      const { topic } = target;
      const { deleted } = await this.#control.call<Deleted>(topic, 'subscription.delete', args);
      if (!deleted) throw notFound();
      exchange.noContent();
    });
  };

  readonly seek: RouteHandler = (exchange, req, topic, name) => {
    const target = this.#target(topic, name);
    this.#control.withBody(exchange, req, async (body) => {
      this.#ask(exchange, 'subscription.seek', target, { start: positionOf(body) });
    });
  };

  readonly pause: RouteHandler = (exchange, _req, topic, name) => {
    this.#ask(exchange, 'subscription.pause', this.#target(topic, name), {});
  };

  readonly resume: RouteHandler = (exchange, _req, topic, name) => {
    this.#ask(exchange, 'subscription.resume', this.#target(topic, name), {});
  };

  #ask(
    exchange: Exchange,
    method: string,
    target: { topic: string; subscription: string },
    more: Record<string, unknown>,
  ): void {
    this.#control.run(exchange, async () => {
      const args = { ...target, ...more };
      const { subscription } = await this.#control.call<Answer>(target.topic, method, args);
      if (subscription === null) throw notFound();
      exchange.json(200, subscription);
    });
  }

  #target(segment: string, second: string): { topic: string; subscription: string } {
    const { limits } = this.#control;
    const subscription = nameOf(second, limits.topicNameBytesMax);
    return { topic: topicOf(segment, limits), subscription };
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
  const detail = `must be 1 to ${bytesMax} of A-Z a-z 0-9 _ : - and single dots`;
  throw new RequestError('invalid_field', detail, 'subscription');
}

function notFound(): RequestError {
  const detail = 'the topic has no durable subscription of this name';
  return new RequestError('subscription_not_found', detail, 'subscription');
}

function byName(a: SubscriptionJson, b: SubscriptionJson): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}
