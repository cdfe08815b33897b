/**
 * The control requests about what was given up and what becomes of one message that only the owner of its
 * topic can answer: redrive, jobs, and how it stands in the subscriptions that are open here.
 */
import type { Clock } from '../../core/clock.js';
import type { DeadLetterRecord } from '../../core/dead-letter-record.js';
import type { TopicKey } from '../../core/topic-key.js';
import type { DeliveryStanding } from '../../core/trace-record.js';
import type { MessageLog } from '../../log/contract/message-log.js';
import type { CallArgs, CallHandlers, CallResult, WorkerCall } from '../../thread/calls.js';
import type { Delivery } from '../delivery/delivery.js';
import type { PublishUnderWay } from '../log/publishes.js';
import type { Tracker } from '../state/subscription.js';
import type { Topics } from '../state/topics.js';
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

export type DeadLetterHandlers = CallHandlers<
  Extract<WorkerCall, `dead-letters.${string}` | `job.${string}` | `message.${string}`>
>;

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

  /** Its worker ends. */
  stop(): void {
    this.#jobs.stop();
  }

  readonly handlers: DeadLetterHandlers = {
    'dead-letters.match': ({ limit, ...filter }) => this.#jobs.match({ filter, limit }),
    'dead-letters.redrive': ({ job, limit, rate, ...filter }) =>
      this.#jobs.start({ job, filter, limit, rate }),
    'job.get': async ({ tenant, job }) => ({ part: this.#jobs.find(tenant, job) }),
    'job.cancel': async ({ tenant, job }) => {
      this.#jobs.cancel(tenant, job);
      return { part: this.#jobs.find(tenant, job) };
    },
    'job.give-up': async ({ tenant, job }) => {
      this.#jobs.giveUp(tenant, job);
      return {};
    },
    'message.live': async (args) => this.#live(args),
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
    const tracker = delivery.held(topicId, name);
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
      await delivery.redriven(record);
      return true;
    }
    const tracker = this.#liveTracker(record);
    if (tracker === null) {
      await this.#giveBack(record);
      return false;
    }
    delivery.giveAgain(tracker, sequence);
    return true;
  }

  async #giveBack({ topicId, session, row }: DeadLetterRecord): Promise<void> {
    const nothing = { deadLetters: [], failures: [], settledDeliveries: [] };
    const returned = [row.sequence];
    const of = { topicId, session: session ?? '' };
    await this.#options.log.subscriptions.saveEphemeral({ ...of, ...nothing, returned });
  }

  #live(args: CallArgs<'message.live'>): CallResult<'message.live'> {
    const { key, sequence, after, limit } = args;
    const topic = this.#options.topics.known(key);
    const held = topic === undefined ? [] : this.#options.delivery.heldOf(topic);
    const named = held.map((tracker) => ({ tracker, name: tracker.name ?? '' }));
    // A page has at most so many: no name of it comes behind the first so many that are open.
    const page = named
      .filter(({ name }) => name > after)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .slice(0, limit);
    const open = page.map(
      ({ tracker, name }) => [name, this.#standing(tracker, sequence)] as const,
    );
    return { open: Object.fromEntries(open) };
  }

  #standing(tracker: Tracker, sequence: number): DeliveryStanding {
    const { clock } = this.#options;
    tracker.sync(clock.monotonic());
    const { cursor } = tracker;
    const entry = cursor.entry(sequence);
    if (entry === undefined) {
      if (sequence > cursor.delivered) return { state: 'pending' };
      if (cursor.isSettled(sequence)) return { state: 'acked' };
      return { state: 'in_flight', attempt: 1, session: tracker.sole?.sessionName };
    }
    const { attempts, lastError, member } = entry;
    const attempt = attempts + 1;
    if (member !== null) return { state: 'in_flight', attempt, session: member.name, lastError };
    if (entry.state === 'parked' && attempts === 0) return { state: 'pending' };
    const dueInMs = entry.state === 'waiting' ? entry.dueAtMs - clock.monotonic() : 0;
    const atMs = Math.round(clock.now() + Math.max(0, dueInMs));
    return { state: 'waiting', next: { attempt, atMs, lastError } };
  }
}
