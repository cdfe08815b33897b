/**
 * The control requests a topic worker serves (CALL): what changes topics, what only it knows of them,
 * figures; in memory also what the log is browsed for. One method each; arguments and results are JSON,
 * made by the acceptor and this thread only. Nothing here is on the path of a message.
 */
import type { Clock } from '../../core/clock.js';
import { RequestError } from '../../core/errors.js';
import type { Tenant, TopicKey } from '../../core/topic-key.js';
import type { BrowseCalls } from '../../log/contract/browse-calls.js';
import type { Browsed } from '../../log/contract/browsed.js';
import type { MessageLog, Retention, TopicRecord } from '../../log/contract/message-log.js';
import { topicView } from '../../log/contract/topic-view.js';
import type { PublishUnderWay } from '../log/publishes.js';
import type { Turns } from '../log/turns.js';
import type { Rate } from '../state/rate.js';
import type { Topic } from '../state/topic.js';
import type { Topics } from '../state/topics.js';

/** Those that ask the log's pool for something; a few are under way at a time. */
const ASKS_LOG: ReadonlySet<string> = new Set([
  'topic.create',
  'topic.patch',
  'topic.delete',
  'deferred.cancel',
  'subscription.patch',
  'subscription.delete',
  'subscription.seek',
  'subscription.pause',
  'subscription.resume',
  'dead-letters.match',
  'dead-letters.redrive',
]);
/** After so long nobody waits for the answer any more: nothing is changed behind his back. */
const WAIT_MS = 4_500;

const NOTHING = new Uint8Array(0);

export interface CallsOptions {
  log: MessageLog<PublishUnderWay>;
  topics: Topics;
  /** For those that ask the log. */
  turns: Turns;
  clock: Clock;
  published: Rate;
  onTopicGone: (topic: Topic) => void;
  /** Since the heads were last read, ms; null: never. */
  headsMs: () => number | null;
  /** Figures that only the thread's composition knows, by name. */
  gauges: () => Record<string, number>;
  /** Of a log in memory; null: the browsing pool serves it. */
  browse: BrowseCalls | null;
  /** What other files of this folder answer, by name. */
  others: Readonly<Record<string, (args: never) => Promise<unknown>>>;
}

/** Arguments as the acceptor sends them: validated there. */
interface CallArgs {
  key: TopicKey;
  keys: TopicKey[];
  tenant: Tenant;
  id: number;
  retention: Retention | null;
}

type Method = (args: CallArgs) => Promise<unknown>;

export class Calls {
  readonly #options: CallsOptions;
  readonly #methods: Readonly<Record<string, Method>> = {
    'topic.create': (args) => this.#create(args),
    'topic.patch': (args) => this.#patch(args),
    'topic.delete': (args) => this.#delete(args),
    'topics.counts': async (args) => ({
      counts: args.keys.map((key) => this.#subscribers(key)),
    }),
    'deferred.cancel': async (args) => ({
      outcome: await this.#log.cancelDeferred(args.tenant, args.id),
    }),
    stats: async () => this.#stats(),
    health: async () => ({
      log: { mode: this.#log.mode, state: this.#log.state },
      heads_ms: this.#options.headsMs(),
      vitals: this.#log.vitals,
    }),
  };

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  /** Rejects with RequestError, or with a bug. */
  async run(method: string, args: string): Promise<Browsed> {
    const { turns, clock } = this.#options;
    if (!ASKS_LOG.has(method)) return this.#answer(method, args);
    const askedAtMs = clock.monotonic();
    return turns.run('calls', () => {
      if (clock.monotonic() - askedAtMs < WAIT_MS) return this.#answer(method, args);
      throw new RequestError('busy', `it waited more than ${WAIT_MS} ms for its turn`);
    });
  }

  async #answer(method: string, args: string): Promise<Browsed> {
    const { browse } = this.#options;
    if (browse?.serves(method)) return browse.run({ method, args: JSON.parse(args) });
    const handler = this.#methods[method] ?? this.#options.others[method];
    if (handler === undefined) throw new Error(`no such call: ${method}`);
    return { result: JSON.stringify(await handler(JSON.parse(args) as never)), body: NOTHING };
  }

  get #log(): MessageLog<PublishUnderWay> {
    return this.#options.log;
  }

  async #create(args: CallArgs): Promise<unknown> {
    const { topic, created } = await this.#log.createTopic(args.key, args.retention);
    this.#options.topics.met(topic);
    return { topic: this.#topicJson(topic), created };
  }

  async #patch(args: CallArgs): Promise<unknown> {
    if (args.retention === null)
      throw new RequestError('invalid_field', 'is required', 'retention');
    const record = await this.#log.patchTopic(args.key, args.retention);
    return { topic: this.#topicJson(record) };
  }

  async #delete(args: CallArgs): Promise<unknown> {
    const record = await this.#log.deleteTopic(args.key);
    if (record === null) return { deleted: false };
    const topic = this.#options.topics.byId(record.id);
    if (topic !== undefined) this.#options.onTopicGone(topic);
    return { deleted: true };
  }

  #stats(): unknown {
    let subscribers = 0;
    for (const topic of this.#options.topics.values()) subscribers += topic.subscriptions.size;
    return {
      messages_per_sec: this.#options.published.perSecond(),
      published_here: this.#options.published.total,
      active_subscribers: subscribers,
      ...this.#options.gauges(),
    };
  }

  #subscribers(key: TopicKey): number {
    return this.#options.topics.known(key)?.subscriptions.size ?? 0;
  }

  #topicJson(record: TopicRecord | null): unknown {
    if (record === null) return null;
    return topicView(record, this.#subscribers(record.key));
  }
}
