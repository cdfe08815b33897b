/**
 * The calls that a topic worker answers (thread/calls.ts): here what changes topics, what only it knows of
 * them, figures; in memory also what the log is browsed for. Those that ask the log's pool for something
 * take turns. Nothing here is on the path of a message.
 */
import type { BackplaneFigures } from '../../core/backplane-figures.js';
import type { Clock } from '../../core/clock.js';
import { RequestError } from '../../core/errors.js';
import { ofTopic } from '../../core/happening.js';
import type { DatabaseState } from '../../core/log-figures.js';
import type { SubscriptionFill } from '../../core/session-record.js';
import type { Tenant, TopicKey } from '../../core/topic-key.js';
import type { OwnedTopic, TopicRecord } from '../../core/topic-record.js';
import type { Turns } from '../../core/turns.js';
import type { WorkerHealth, WorkerStats } from '../../core/worker-figures.js';
import type { BrowseCalls } from '../../log/contract/browse-calls.js';
import type { MessageLog } from '../../log/contract/message-log.js';
import { type AnswerText, readArgs, writeAnswer } from '../../thread/call-text.js';
import {
  answerCall,
  CALLS,
  type CallArgs,
  type CallHandlers,
  type CallName,
  type CallResult,
  callNamed,
  isBrowseCall,
  type WorkerCall,
} from '../../thread/calls.js';
import type { CallOp } from '../../thread/ops/call.js';
import type { PublishUnderWay } from '../log/publishes.js';
import { type Figures, NONE_IN_FLIGHT } from '../state/figures.js';
import type { Topic } from '../state/subscription.js';
import type { Topics } from '../state/topics.js';
import type { DeadLetterHandlers } from './dead-letter-calls.js';
import type { SubscriptionHandlers } from './subscription-calls.js';
import type { TokenCall } from './token-calls.js';

/** After so long nobody waits for the answer any more: nothing is changed behind his back. */
const WAIT_MS = 4_500;

type OtherHandlers = SubscriptionHandlers & CallHandlers<TokenCall> & DeadLetterHandlers;

export interface CallsOptions {
  log: MessageLog<PublishUnderWay>;
  topics: Topics;
  /** For those that ask the log. */
  turns: Turns;
  clock: Clock;
  figures: Figures;
  onTopicGone: (topic: Topic) => void;
  /** Since the heads were last read, ms; null: never. */
  headsMs: () => number | null;
  /** Null: there is none. */
  backplane: () => BackplaneFigures | null;
  /** Of a log in memory; null: the browsing pool serves it. */
  browse: BrowseCalls | null;
  /** What other files of this folder answer. */
  others: OtherHandlers;
}

export class Calls {
  readonly #options: CallsOptions;
  readonly #handlers: CallHandlers<WorkerCall>;
  readonly #own: CallHandlers<Exclude<WorkerCall, keyof OtherHandlers>> = {
    'topic.create': (args) => this.#create(args),
    'topic.patch': (args) => this.#patch(args),
    'topic.delete': (args) => this.#delete(args),
    'topic.move': ({ key, to }) => this.#log.moveTopic(key, to),
    'topic.subscribers': async ({ key }) => ({ subscribers: this.#subscribers(key) }),
    'topics.counts': async ({ keys }) => ({ counts: keys.map((key) => this.#subscribers(key)) }),
    'deferred.cancel': async ({ tenant, id }) => ({
      outcome: await this.#log.cancelDeferred(tenant, id),
    }),
    'sessions.fills': async (args) => ({ fills: this.#fills(args) }),
    stats: async ({ tenant }) => this.#stats(tenant),
    health: async () => ({
      log: { mode: this.#log.mode, state: this.#log.state },
      headsMs: this.#options.headsMs(),
      vitals: this.#log.vitals,
      ...statesOf(this.#log.databases),
      backplane: this.#options.backplane(),
    }),
  };

  constructor(options: CallsOptions) {
    this.#options = options;
    this.#handlers = { ...this.#own, ...options.others };
  }

  /** Rejects with RequestError, or with a bug. */
  async run({ method, args }: CallOp): Promise<AnswerText> {
    const { turns, clock } = this.#options;
    const name = callNamed(method);
    if (CALLS[name].by !== 'log') return this.#answer(name, args);
    const askedAtMs = clock.monotonic();
    return turns.run('calls', () => {
      if (clock.monotonic() - askedAtMs < WAIT_MS) return this.#answer(name, args);
      throw new RequestError('busy', `it waited more than ${WAIT_MS} ms for its turn`);
    });
  }

  async #answer(method: CallName, text: string): Promise<AnswerText> {
    if (!isBrowseCall(method)) {
      const ask = { method, args: readArgs<typeof method>(text) };
      return writeAnswer(await answerCall(this.#handlers, ask));
    }
    const { browse } = this.#options;
    if (browse === null) throw new Error(`${method} is asked of the browsing pool`);
    return browse.run({ method, args: readArgs<typeof method>(text) });
  }

  get #log(): MessageLog<PublishUnderWay> {
    return this.#options.log;
  }

  async #create({ key, retention }: CallArgs<'topic.create'>): Promise<CallResult<'topic.create'>> {
    const { topic, created } = await this.#log.createTopic(key, retention);
    const { topics } = this.#options;
    topics.met(topic);
    if (created) topics.happened(ofTopic('topic.created', key));
    return { ...this.#owned(topic), created };
  }

  async #patch({ key, retention }: CallArgs<'topic.patch'>): Promise<CallResult<'topic.patch'>> {
    const record = await this.#log.patchTopic(key, retention);
    return { topic: record === null ? null : this.#owned(record) };
  }

  async #delete({ key }: CallArgs<'topic.delete'>): Promise<CallResult<'topic.delete'>> {
    const record = await this.#log.deleteTopic(key);
    if (record === null) return { deleted: false };
    const topic = this.#options.topics.byId(record.id);
    if (topic !== undefined) this.#options.onTopicGone(topic);
    this.#options.topics.happened(ofTopic('topic.deleted', key));
    return { deleted: true };
  }

  #stats(tenant: Tenant): WorkerStats {
    let activeSubscribers = 0;
    let hotCacheBytes = 0;
    for (const topic of this.#options.topics.values()) {
      if (topic.tenant !== tenant) continue;
      activeSubscribers += topic.subscriptions.size;
      hotCacheBytes += topic.cache.bytes;
    }
    const { published, counts, standing: walked } = this.#options.figures.of(tenant);
    const messagesPerSec = published.perSecond();
    const standing = activeSubscribers === 0 ? NONE_IN_FLIGHT : walked;
    return { messagesPerSec, activeSubscribers, hotCacheBytes, ...standing, ...counts };
  }

  #fills({ acceptor, of }: CallArgs<'sessions.fills'>): (SubscriptionFill | null)[] {
    const nowMs = this.#options.clock.monotonic();
    return of.map(({ key, number }) => {
      const topic = this.#options.topics.known(key);
      return topic?.subscriptionOf({ number: acceptor }, number)?.fill(nowMs) ?? null;
    });
  }

  #subscribers(key: TopicKey): number {
    const { topics } = this.#options;
    return (topics.known(key)?.subscriptions.size ?? 0) + topics.elsewhere(key);
  }

  #owned(record: TopicRecord): OwnedTopic {
    return { record, subscribers: this.#subscribers(record.key) };
  }
}

/** Nothing where there are no several. */
function statesOf(databases: readonly DatabaseState[]): Pick<WorkerHealth, 'databases'> {
  return databases.length === 1 ? {} : { databases: databases.map(({ state }) => state) };
}
