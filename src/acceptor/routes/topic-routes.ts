/** /api/topics and what lies below it, /api/deferred: control requests to the workers that own the topics. */
import type { HttpRequest } from 'uWebSockets.js';
import { RequestError } from '../../core/errors.js';
import type { Principal } from '../../core/principal.js';
import type { TopicKey } from '../../core/topic-key.js';
import { checkTopicName } from '../../core/topic-name.js';
import type { OwnedTopic } from '../../core/topic-record.js';
import { deferredPageView } from '../../wire/views/deferred-view.js';
import { topicPageView, topicPositionView, topicView } from '../../wire/views/topic-view.js';
import type { Exchange } from '../http/exchange.js';
import { Query, topicOf } from '../http/query.js';
import type { Control } from './control.js';
import { type RetentionFields, readRetention } from './retention-fields.js';

const SEQUENCE_MAX = Number.MAX_SAFE_INTEGER;

export class TopicRoutes {
  readonly #control: Control;

  constructor(control: Control) {
    this.#control = control;
  }

  create(exchange: Exchange, req: HttpRequest): void {
    this.#control.withBody(exchange, req, async (body) => {
      const { name, retention } = this.#readTopic(body);
      const key = exchange.principal.keyOf(name);
      const answer = await this.#control.call(key, 'topic.create', { key, retention });
      if (!answer.created)
        throw new RequestError('topic_exists', `the topic ${name} exists`, 'name');
      exchange.json(201, topicView(answer));
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
      exchange.json(200, topicPageView(topics, page.limit));
    });
  }

  get(exchange: Exchange, _req: HttpRequest, segment: string): void {
    const { browsing } = this.#control;
    const key = this.#keyOf(exchange, segment);
    this.#control.run(exchange, async () => {
      const record = found((await browsing.of(key, 'topic.get', { key })).record);
      const answer = await this.#control.call(key, 'topics.counts', { keys: [key] });
      exchange.json(200, topicView({ record, subscribers: answer.counts[0] ?? 0 }));
    });
  }

  patch(exchange: Exchange, req: HttpRequest, segment: string): void {
    const key = this.#keyOf(exchange, segment);
    this.#control.withBody(exchange, req, async (body) => {
      const retention = readRetention(body['retention'], this.#control.limits);
      if (retention === null) throw new RequestError('invalid_field', 'is required', 'retention');
      const { topic } = await this.#control.call(key, 'topic.patch', { key, retention });
      exchange.json(200, topicView(found(topic)));
    });
  }

  delete(exchange: Exchange, _req: HttpRequest, segment: string): void {
    const key = this.#keyOf(exchange, segment);
    this.#control.run(exchange, async () => {
      const { deleted } = await this.#control.call(key, 'topic.delete', { key });
      found(deleted ? key : null);
      exchange.noContent();
    });
  }

  position(exchange: Exchange, _req: HttpRequest, segment: string): void {
    const { browsing } = this.#control;
    const key = this.#keyOf(exchange, segment);
    this.#control.run(exchange, async () => {
      const { position } = await browsing.of(key, 'topic.position', { key });
      exchange.json(200, topicPositionView(found(position)));
    });
  }

  messages(exchange: Exchange, req: HttpRequest, segment: string): void {
    const { limits, browsing } = this.#control;
    const key = this.#keyOf(exchange, segment);
    const query = new Query(req.getQuery() ?? '', ['from_sequence', 'limit', 'order']);
    const args = {
      key,
      fromSequence: query.integer('from_sequence', 1, SEQUENCE_MAX),
      limit: query.integer('limit', 1, limits.pageItemsMax) ?? limits.pageItemsMax,
      order: query.oneOf('order', ['asc', 'desc'], 'asc'),
    };
    this.#control.run(exchange, async () => {
      const { body } = await browsing.of(key, 'topic.messages', args);
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
      const pages = await browsing.all('deferred.list', args);
      const all = pages.flatMap(({ records }) => records).sort((a, b) => a.id - b.id);
      exchange.json(200, deferredPageView(all.slice(0, limit), limit));
    });
  }

  cancelDeferred(exchange: Exchange, _req: HttpRequest, segment: string): void {
    if (!/^\d{1,15}$/.test(segment)) {
      throw new RequestError('deferred_not_found', 'a deferred id is an integer', 'id');
    }
    this.#control.run(exchange, async () => {
      const { tenant } = exchange.principal;
      const args = { tenant, id: Number(segment) };
      const answers = await this.#control.ask('deferred.cancel', args);
      const outcomes = answers.map((answer) => answer.outcome);
      if (outcomes.includes('cancelled')) exchange.noContent();
      else if (outcomes.includes('released')) {
        throw new RequestError('deferred_released', 'the message was published', 'id');
      } else throw new RequestError('deferred_not_found', 'no such deferred message', 'id');
    });
  }

  /** With the subscriber counts, which only the owners know: every worker is asked. */
  async #listTopics(
    { tenant }: Principal,
    page: { limit: number; after: string; prefix: string },
  ): Promise<OwnedTopic[]> {
    const pages = await this.#control.browsing.all('topics.list', { ...page, tenant });
    const records = pages
      .flatMap((one) => one.records)
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .slice(0, page.limit);
    const keys = records.map(({ key }) => key);
    const answers = await this.#control.askAll('topics.counts', { keys });
    return records.map((record, n) => {
      const subscribers = answers.reduce((sum, { counts }) => sum + (counts[n] ?? 0), 0);
      return { record, subscribers };
    });
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
