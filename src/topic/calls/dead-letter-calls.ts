/**
 * The control requests about what was given up and what becomes of one message that only the owner of its
 * topic can answer: redrive, jobs, and how it stands in the subscriptions that are open here.
 */
import type { Clock } from '../../core/clock.js';
import { isoTime } from '../../core/time.js';
import type { Tenant, TopicKey } from '../../core/topic-key.js';
import type { MessageLog } from '../../log/contract/message-log.js';
import type { DeadLetterFilter, DeadLetterRecord } from '../../log/contract/subscription-store.js';
import type { DeliveryView } from '../../log/contract/trace-view.js';
import type { Delivery } from '../delivery/delivery.js';
import type { PublishUnderWay } from '../log/publishes.js';
import { addRedriven } from '../state/durables.js';
import type { Topics } from '../state/topics.js';
import type { Tracker } from '../state/tracker.js';
import { RedriveJobs } from './redrive-jobs.js';

export interface DeadLetterCallsOptions {
  log: MessageLog<PublishUnderWay>;
  topics: Topics;
  delivery: Delivery;
  clock: Clock;
  /** Whether this worker has the topic. */
  owns: (key: TopicKey) => boolean;
  onFailed: (error: unknown) => void;
}

type RedriveArgs = DeadLetterFilter & { job: string; limit: number; rate: number };
type MatchArgs = Omit<RedriveArgs, 'job'>;
type JobArgs = { tenant: Tenant; job: string };

/** Of one message, in the subscriptions of a page by name. */
interface LiveArgs {
  key: TopicKey;
  sequence: number;
  after: string;
  limit: number;
}

export class DeadLetterCalls {
  readonly #options: DeadLetterCallsOptions;
  readonly #jobs: RedriveJobs;

  constructor(options: DeadLetterCallsOptions) {
    this.#options = options;
    const { log, clock, owns, onFailed } = options;
    this.#jobs = new RedriveJobs({
      store: log.subscriptions,
      clock,
      owns,
      isLive: (record) => this.#liveTracker(record) !== null,
      deliveredOf: (record) => this.#deliveredOf(record),
      onRedriven: (record) => this.#redriven(record),
      onFailed,
    });
  }

  /** By name; each rejects with RequestError. */
  readonly methods: Readonly<Record<string, (args: never) => Promise<unknown>>> = {
    'dead-letters.match': ({ limit, rate: _, ...filter }: MatchArgs) =>
      this.#jobs.match({ filter, limit }),
    'dead-letters.redrive': ({ job, limit, rate, ...filter }: RedriveArgs) =>
      this.#jobs.start({ job, filter, limit, rate }),
    'job.get': async ({ tenant, job }: JobArgs) => ({ part: this.#jobs.find(tenant, job) }),
    'job.cancel': async ({ tenant, job }: JobArgs) => {
      this.#jobs.cancel(tenant, job);
      return { part: this.#jobs.find(tenant, job) };
    },
    'job.give-up': async ({ tenant, job }: JobArgs) => {
      this.#jobs.giveUp(tenant, job);
      return {};
    },
    'message.live': async (args: LiveArgs) => this.#live(args),
  };

  #liveTracker({ topicId, session }: DeadLetterRecord): Tracker | null {
    const topic = this.#options.topics.byId(topicId);
    for (const { tracker, sessionName } of topic?.subscriptions.values() ?? []) {
      if (tracker?.durable === null && sessionName === session) return tracker;
    }
    return null;
  }

  async #deliveredOf({ topicId, subscription }: DeadLetterRecord): Promise<number> {
    const { delivery, log, clock } = this.#options;
    const name = subscription ?? '';
    const tracker = delivery.durables.held(topicId, name);
    tracker?.sync(clock.monotonic());
    if (tracker !== undefined) return tracker.cursor.delivered;
    const record = await log.subscriptions.find(topicId, name);
    return record?.delivered ?? Number.POSITIVE_INFINITY;
  }

  /** False: its session ended meanwhile, and the dead letter is one again. */
  async #redriven(record: DeadLetterRecord): Promise<boolean> {
    const { delivery } = this.#options;
    const { sequence } = record.row;
    if (record.subscription !== null) {
      const tracker = await delivery.durables.redriven(record);
      if (tracker !== null) delivery.giver.give(tracker);
      return true;
    }
    const tracker = this.#liveTracker(record);
    if (tracker === null) {
      await this.#giveBack(record);
      return false;
    }
    if (addRedriven(tracker, sequence)) delivery.giver.give(tracker);
    return true;
  }

  async #giveBack({ topicId, session, row }: DeadLetterRecord): Promise<void> {
    const nothing = { deadLetters: [], failures: [], settledDeliveries: [] };
    const returned = [row.sequence];
    const of = { topicId, session: session ?? '' };
    await this.#options.log.subscriptions.saveEphemeral({ ...of, ...nothing, returned });
  }

  /** Of the subscriptions that are open here, by name. */
  #live({ key, sequence, after, limit }: LiveArgs): unknown {
    const topic = this.#options.topics.known(key);
    const open = topic === undefined ? [] : this.#options.delivery.durables.ofTopic(topic);
    const named = open.map((tracker) => ({ tracker, name: tracker.name ?? '' }));
    // A page has at most so many: no name of it comes behind the first so many that are open.
    const page = named
      .filter(({ name }) => name > after)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .slice(0, limit);
    const views = page.map(({ tracker, name }) => [name, this.#liveJson(name, tracker, sequence)]);
    return { live: Object.fromEntries(views) };
  }

  #liveJson(subscription: string, tracker: Tracker, sequence: number): DeliveryView {
    const { clock } = this.#options;
    tracker.sync(clock.monotonic());
    const { cursor } = tracker;
    const entry = cursor.entry(sequence);
    if (entry === undefined) {
      if (sequence > cursor.delivered) return { subscription, state: 'pending' };
      if (cursor.isSettled(sequence)) return { subscription, state: 'acked' };
      const session = tracker.sole?.sessionName;
      return { subscription, state: 'in_flight', attempt: 1, session };
    }
    const { attempts, lastError: last_error, member } = entry;
    if (member !== null) {
      const session = member.name;
      return { subscription, state: 'in_flight', attempt: attempts + 1, session, last_error };
    }
    if (entry.state === 'parked' && attempts === 0) return { subscription, state: 'pending' };
    const dueInMs = entry.state === 'waiting' ? entry.dueAtMs - clock.monotonic() : 0;
    const next_attempt_at = isoTime(Math.round(clock.now() + Math.max(0, dueInMs)));
    return { subscription, state: 'waiting', attempt: attempts + 1, next_attempt_at, last_error };
  }
}
