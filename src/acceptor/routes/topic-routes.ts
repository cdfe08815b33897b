/** /api/topics and what lies below it, /api/deferred: control requests to the workers that own the topics. */
import type { HttpRequest } from 'uWebSockets.js';
import { RequestError } from '../../core/errors.js';
import type { Principal } from '../../core/principal.js';
import type { TopicKey } from '../../core/topic-key.js';
import { checkTopicName } from '../../core/topic-name.js';
import type { Exchange } from '../http/exchange.js';
import { Query, topicOf } from '../http/query.js';
import type { Control } from './control.js';
import { type RetentionFields, readRetention } from './retention-fields.js';

/** A topic as the workers give it and clients get it. */
interface TopicJson {
  name: string;
  subscriber_count: number;
}

const SEQUENCE_MAX = Number.MAX_SAFE_INTEGER;

export class TopicRoutes {
  readonly #control: Control;

  constructor(control: Control) {
    this.#control = control;
  }

  create(exchange: Exchange, req: HttpRequest): void {
    this.#control.withBody(exchange, req, async (body) => {
      const { name, retention } = this.#readTopic(body);
      type Created = { topic: TopicJson; created: boolean };
      const key = exchange.principal.keyOf(name);
      const answer = await this.#control.call<Created>(key, 'topic.create', { retention });
      if (!answer.created)
        throw new RequestError('topic_exists', `the topic ${name} exists`, 'name');
      exchange.json(201, answer.topic);
    });
  }

  list(exchange: Exchange, req: HttpRequest): void {
    const query = new Query(req.getQuery() ?? '', ['limit', 'after', 'prefix']);
    const limit = query.integer('limit', 1, this.#control.limits.pageItemsMax);
    const page = {
      limit: limit ?? this.#control.limits.pageItemsMax,
      after: query.text('after') ?? '',
      prefix: query.text('prefix') ?? '',
    };
    this.#control.run(exchange, async () => {
      const topics = await this.#listTopics(exchange.principal, page);
      const next = topics.length === page.limit ? topics.at(-1)?.name : undefined;
      exchange.json(200, { topics, next });
    });
  }

  get(exchange: Exchange, _req: HttpRequest, segment: string): void {
    const { browsing, workers } = this.#control;
    const key = this.#keyOf(exchange, segment);
    this.#control.run(exchange, async () => {
      const { result } = await browsing.of<{ topic: TopicJson | null }>(key, 'topic.get', {});
      const topics = [found(result.topic)];
      await this.#count(exchange.principal, topics, [workers.indexOf(key)]);
      exchange.json(200, topics[0]);
    });
  }

  patch(exchange: Exchange, req: HttpRequest, segment: string): void {
    const key = this.#keyOf(exchange, segment);
    this.#control.withBody(exchange, req, async (body) => {
      const retention = readRetention(body['retention'], this.#control.limits);
      if (retention === null) throw new RequestError('invalid_field', 'is required', 'retention');
      const args = { retention };
      type Patched = { topic: TopicJson | null };
      const { topic } = await this.#control.call<Patched>(key, 'topic.patch', args);
      exchange.json(200, found(topic));
    });
  }

  delete(exchange: Exchange, _req: HttpRequest, segment: string): void {
    const key = this.#keyOf(exchange, segment);
    this.#control.run(exchange, async () => {
      const { deleted } = await this.#control.call<{ deleted: boolean }>(key, 'topic.delete', {});
      found(deleted ? key : null);
      exchange.noContent();
    });
  }

  position(exchange: Exchange, _req: HttpRequest, segment: string): void {
    const { browsing } = this.#control;
    const key = this.#keyOf(exchange, segment);
    this.#control.run(exchange, async () => {
      const { result } = await browsing.of<{ position: unknown }>(key, 'topic.position', {});
      exchange.json(200, found(result.position));
    });
  }

  messages(exchange: Exchange, req: HttpRequest, segment: string): void {
    const { limits, browsing } = this.#control;
    const key = this.#keyOf(exchange, segment);
    const query = new Query(req.getQuery() ?? '', ['from_sequence', 'limit', 'order']);
    const args = {
      from_sequence: query.integer('from_sequence', 1, SEQUENCE_MAX),
      limit: query.integer('limit', 1, limits.pageItemsMax) ?? limits.pageItemsMax,
      order: query.oneOf('order', ['asc', 'desc'], 'asc'),
    };
    this.#control.run(exchange, async () => {
      const { body } = await browsing.of<null>(key, 'topic.messages', args);
      exchange.reply(200, body);
    });
  }

  listDeferred(exchange: Exchange, req: HttpRequest): void {
    const { limits } = this.#control;
    const query = new Query(req.getQuery() ?? '', ['topic', 'limit', 'after']);
    const topic = query.text('topic');
    if (topic !== null) checkTopicName(topic, limits);
    const limit = query.integer('limit', 1, limits.pageItemsMax) ?? limits.pageItemsMax;
    const after = query.integer('after', 0, SEQUENCE_MAX) ?? 0;
    this.#control.run(exchange, async () => {
      const args = { within: exchange.principal.within(topic), after, limit };
      const { browsing } = this.#control;
      const pages = await browsing.all<{ deferred: { id: number }[] }>('deferred.list', args);
      const all = pages.flatMap(({ result }) => result.deferred).sort((a, b) => a.id - b.id);
      const deferred = all.slice(0, limit);
      const next = deferred.length === limit ? deferred.at(-1)?.id : undefined;
      exchange.json(200, { deferred, next });
    });
  }

  cancelDeferred(exchange: Exchange, _req: HttpRequest, segment: string): void {
    if (!/^\d{1,15}$/.test(segment)) {
      throw new RequestError('deferred_not_found', 'a deferred id is an integer', 'id');
    }
    this.#control.run(exchange, async () => {
      const { tenant } = exchange.principal;
      const args = { tenant, id: Number(segment) };
      const answers = await this.#control.ask<{ outcome: string }>('deferred.cancel', args);
      const outcomes = answers.map((answer) => answer.outcome);
      if (outcomes.includes('cancelled')) exchange.noContent();
      else if (outcomes.includes('released')) {
        throw new RequestError('deferred_released', 'the message was published', 'id');
      } else throw new RequestError('deferred_not_found', 'no such deferred message', 'id');
    });
  }

  async #listTopics(
    principal: Principal,
    page: { limit: number; after: string; prefix: string },
  ): Promise<TopicJson[]> {
    const { browsing, workers } = this.#control;
    const args = { ...page, tenant: principal.tenant };
    const pages = await browsing.all<{ topics: TopicJson[] }>('topics.list', args);
    const topics = pages
      .flatMap(({ result }) => result.topics)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .slice(0, page.limit);
    await this.#count(principal, topics, Array.from({ length: workers.count }).keys());
    return topics;
  }

  /** Puts in the subscriber counts, which only the owners know: these workers are asked. */
  async #count(
    principal: Principal,
    topics: TopicJson[],
    indexes: Iterable<number>,
  ): Promise<void> {
    const { workers } = this.#control;
    const keys = topics.map((topic) => principal.keyOf(topic.name));
    for (const index of indexes) {
      const text = await workers.call(workers.byIndex(index), 'topics.counts', { keys });
      const { counts } = JSON.parse(text) as { counts: number[] };
      topics.forEach((topic, i) => {
        topic.subscriber_count += counts[i] ?? 0;
      });
    }
  }

  #keyOf(exchange: Exchange, segment: string): TopicKey {
    return exchange.principal.keyOf(topicOf(segment, this.#control.limits));
  }

  #readTopic(body: Record<string, unknown>): { name: string; retention: RetentionFields | null } {
    const { name } = body;
    if (name === undefined || name === null) {
      throw new RequestError('topic_required', 'name is required', 'name');
    }
    if (typeof name !== 'string')
      throw new RequestError('topic_type', 'name must be a string', 'name');
    checkTopicName(name, this.#control.limits);
    return { name, retention: readRetention(body['retention'], this.#control.limits) };
  }
}

function found<T>(value: T | null): T {
  if (value === null) throw new RequestError('topic_not_found', 'topic not found', 'topic');
  return value;
}
