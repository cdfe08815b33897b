/**
 * The control requests a topic worker serves (CALL): topics, browsing, deferred messages, figures.
 * One method each; arguments and results are JSON, made by the acceptor and this thread only. Nothing
 * here is on the path of a message.
 */
import { RequestError } from '../core/errors.js';
import { isoTime } from '../core/time.js';
import type { LogTotals, MessageLog, Retention, TopicRecord } from '../log/message-log.js';
import { browsePage } from '../wire/browse-page.js';
import type { PublishUnderWay } from './publishes.js';
import type { Rate } from './rate.js';
import type { Topic } from './topic.js';
import type { Topics } from './topics.js';

/** A page of browsing stops after this many payload bytes. */
const BROWSE_BYTES_MAX = 4 * 1024 * 1024;

export interface CallsOptions {
  log: MessageLog<PublishUnderWay>;
  topics: Topics;
  published: Rate;
  onTopicGone: (topic: Topic) => void;
  /** Figures that only the thread's composition knows, by name. */
  gauges: () => Record<string, number>;
  /** What other files of this folder answer, by name. */
  others: Readonly<Record<string, (args: never) => Promise<unknown>>>;
}

/** Arguments as the acceptor sends them: validated there. */
interface CallArgs {
  tenant: string;
  name: string;
  names: string[];
  prefix: string;
  after: string;
  afterId: number;
  topic: string | null;
  limit: number;
  id: number;
  retention: Retention | null;
  from_sequence: number | null;
  order: 'asc' | 'desc';
}

type Method = (args: CallArgs) => Promise<unknown>;

export class Calls {
  readonly #options: CallsOptions;
  readonly #methods: Readonly<Record<string, Method>> = {
    'topic.create': (args) => this.#create(args),
    'topic.get': async (args) => ({ topic: this.#topicJson(await this.#find(args)) }),
    'topic.patch': (args) => this.#patch(args),
    'topic.delete': (args) => this.#delete(args),
    'topic.position': (args) => this.#position(args),
    'topic.messages': (args) => this.#messages(args),
    'topics.list': (args) => this.#list(args),
    'topics.counts': async (args) => ({
      counts: args.names.map((name) => this.#subscribers(args.tenant, name)),
    }),
    'deferred.list': (args) => this.#deferred(args),
    'deferred.cancel': async (args) => ({
      outcome: await this.#log.cancelDeferred(args.tenant, args.id),
    }),
    stats: (args) => this.#stats(args),
    health: async () => ({ log: { mode: this.#log.mode, state: this.#log.state } }),
  };

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  /** Rejects with RequestError, or with a bug. */
  async run(method: string, args: string): Promise<string> {
    const handler = this.#methods[method] ?? this.#options.others[method];
    if (handler === undefined) throw new Error(`no such call: ${method}`);
    return JSON.stringify(await handler(JSON.parse(args) as never));
  }

  get #log(): MessageLog<PublishUnderWay> {
    return this.#options.log;
  }

  #find(args: CallArgs): Promise<TopicRecord | null> {
    return this.#log.findTopic(args.tenant, args.name);
  }

  async #create(args: CallArgs): Promise<unknown> {
    const { topic, created } = await this.#log.createTopic(args.tenant, args.name, args.retention);
    this.#options.topics.met(topic);
    return { topic: this.#topicJson(topic), created };
  }

  async #patch(args: CallArgs): Promise<unknown> {
    if (args.retention === null)
      throw new RequestError('invalid_field', 'is required', 'retention');
    const record = await this.#log.patchTopic(args.tenant, args.name, args.retention);
    return { topic: this.#topicJson(record) };
  }

  async #delete(args: CallArgs): Promise<unknown> {
    const record = await this.#log.deleteTopic(args.tenant, args.name);
    if (record === null) return { deleted: false };
    const topic = this.#options.topics.byId(record.id);
    if (topic !== undefined) this.#options.onTopicGone(topic);
    return { deleted: true };
  }

  async #position(args: CallArgs): Promise<unknown> {
    const record = await this.#find(args);
    if (record === null) return { position: null };
    return {
      position: {
        epoch: this.#log.epochOf(record.id),
        sequence: record.lastSequence,
        first_sequence: record.firstSequence,
      },
    };
  }

  async #messages(args: CallArgs): Promise<unknown> {
    const record = await this.#find(args);
    if (record === null) return { missing: true };
    const ascending = args.order === 'asc';
    const page = await this.#log.read({
      topicId: record.id,
      fromSequence: ascending ? (args.from_sequence ?? 1) : 1,
      toSequence: ascending ? Infinity : (args.from_sequence ?? Infinity),
      rowsMax: args.limit,
      bytesMax: BROWSE_BYTES_MAX,
      order: args.order,
    });
    const last = page.rows.at(-1)?.sequence;
    const more = ascending
      ? last !== undefined && last < page.lastSequence
      : last !== undefined && last > page.firstSequence;
    const next = last === undefined || !more ? null : last + (ascending ? 1 : -1);
    return { messages: browsePage(record.name, page.rows), next };
  }

  async #list(args: CallArgs): Promise<unknown> {
    const { tenant, after, prefix, limit } = args;
    const records = await this.#log.listTopics(tenant, { after, prefix, limit });
    return { topics: records.map((record) => this.#topicJson(record)) };
  }

  async #deferred(args: CallArgs): Promise<unknown> {
    const page = { topic: args.topic, after: args.afterId, limit: args.limit };
    const records = await this.#log.listDeferred(args.tenant, page);
    return {
      deferred: records.map((record) => ({
        id: record.id,
        topic: record.topic,
        deliver_at: isoTime(record.deliverAtMs),
        created_at: isoTime(record.createdAtMs),
        bytes: record.bytes,
      })),
    };
  }

  async #stats(args: CallArgs): Promise<unknown> {
    const totals: LogTotals = await this.#log.totals(args.tenant);
    let subscribers = 0;
    for (const topic of this.#options.topics.values()) subscribers += topic.subscriptions.size;
    return {
      messages_per_sec: this.#options.published.perSecond(),
      published_here: this.#options.published.total,
      active_subscribers: subscribers,
      log_totals: totals,
      ...this.#options.gauges(),
    };
  }

  #subscribers(tenant: string, name: string): number {
    return this.#options.topics.known(tenant, name)?.subscriptions.size ?? 0;
  }

  #topicJson(record: TopicRecord | null): unknown {
    if (record === null) return null;
    return {
      name: record.name,
      subscriber_count: this.#subscribers(record.tenant, record.name),
      message_count: record.lastSequence - record.firstSequence + 1,
      created_at: isoTime(record.createdAtMs),
      sequence: record.lastSequence,
      first_sequence: record.firstSequence,
      bytes: record.bytes,
      retention: record.retention,
    };
  }
}
