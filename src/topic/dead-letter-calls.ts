/**
 * The control requests about what was given up and what became of one message: list, purge, redrive, jobs,
 * trace. Each worker answers for the topics it owns; lists and purges speak for the whole store.
 */
import type { Clock } from '../core/clock.js';
import { isoTime } from '../core/time.js';
import { parseUuid } from '../core/uuid.js';
import type { MessageLog } from '../log/message-log.js';
import type {
  DeadLetterFilter,
  DeadLetterRecord,
  DeliveryRecord,
  SubscriptionRecord,
} from '../log/subscription-store.js';
import { browseMessage } from '../wire/browse-page.js';
import type { Delivery } from './delivery.js';
import { addRedriven } from './durables.js';
import type { PublishUnderWay } from './publishes.js';
import { RedriveJobs } from './redrive-jobs.js';
import type { Topics } from './topics.js';
import type { Tracker } from './tracker.js';

const LIST_BYTES_MAX = 4 * 1024 * 1024;
const PURGE_CHUNK = 1_000;

export interface DeadLetterCallsOptions {
  log: MessageLog<PublishUnderWay>;
  topics: Topics;
  delivery: Delivery;
  clock: Clock;
  /** Whether this worker has the topic. */
  owns: (tenant: string, topic: string) => boolean;
  onFailed: (error: unknown) => void;
}

type FilterArgs = DeadLetterFilter & { after: number; limit: number };
type RedriveArgs = DeadLetterFilter & { job: string; limit: number; rate: number };
type MatchArgs = Omit<RedriveArgs, 'job'>;
type JobArgs = { job: string };

/** What became of a message in one durable subscription. */
interface DeliveryJson {
  subscription: string;
  state: 'pending' | 'in_flight' | 'waiting' | 'acked' | 'dead_lettered';
  attempt?: number;
  session?: string | undefined;
  next_attempt_at?: string;
  last_error?: string | null;
  reason?: string;
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
    'dead-letters.list': (args: FilterArgs) => this.#list(args),
    'dead-letters.purge': (args: FilterArgs) => this.#purge(args),
    'dead-letters.match': ({ limit, rate: _, ...filter }: MatchArgs) =>
      this.#jobs.match({ filter, limit }),
    'dead-letters.redrive': ({ job, limit, rate, ...filter }: RedriveArgs) =>
      this.#jobs.start({ job, filter, limit, rate }),
    'job.get': async ({ job }: JobArgs) => ({ part: this.#jobs.find(job) }),
    'job.cancel': async ({ job }: JobArgs) => {
      this.#jobs.cancel(job);
      return { part: this.#jobs.find(job) };
    },
    'message.trace': (args: { tenant: string; id: string }) => this.#trace(args),
  };

  async #list({ after, limit, ...filter }: FilterArgs): Promise<unknown> {
    const page = { after, limit, bytesMax: LIST_BYTES_MAX };
    const records = await this.#options.log.subscriptions.listDeadLetters(filter, page);
    const shown = filter.ids === null ? records : records.filter(({ redriven }) => !redriven);
    const bytes = records.reduce((sum, { row }) => sum + row.payload.length, 0);
    return {
      letters: shown.map((record) => ({ id: record.id, json: letterJson(record) })),
      more: filter.ids === null && (records.length === limit || bytes >= LIST_BYTES_MAX),
    };
  }

  async #purge({ after: _after, limit: _limit, ...filter }: FilterArgs): Promise<unknown> {
    const { subscriptions } = this.#options.log;
    let purged = 0;
    for (;;) {
      const went = await subscriptions.purgeDeadLetters(filter, PURGE_CHUNK);
      purged += went;
      if (went < PURGE_CHUNK) return { purged };
    }
  }

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

  async #trace({ tenant, id }: { tenant: string; id: string }): Promise<unknown> {
    const { log, owns } = this.#options;
    const messageId = parseUuid(id);
    const found = messageId && (await log.subscriptions.findMessage(tenant, messageId));
    if (found === null || !owns(tenant, found.topic)) return { message: null };
    const { topic, topicId, row } = found;
    const trace = await log.subscriptions.traceOf(topicId, row.sequence);
    const deliveries = trace.subscriptions.map(({ record, delivery }) =>
      this.#deliveryJson(record, delivery, row.sequence, trace.deadLetters),
    );
    const failures = trace.failures.map(({ atMs, subscription, session, ...failure }) => ({
      subscription,
      session,
      attempt: failure.attempt,
      at: isoTime(atMs),
      outcome: failure.outcome,
      reason: failure.reason,
    }));
    const deadLetters = trace.deadLetters.map(({ id: letter, subscription, session }) => ({
      id: letter,
      subscription,
      session: session ?? undefined,
    }));
    return {
      message: browseMessage(topic, row, { deliveries, failures, dead_letters: deadLetters }),
    };
  }

  #deliveryJson(
    record: SubscriptionRecord,
    delivery: DeliveryRecord | null,
    sequence: number,
    deadLetters: readonly DeadLetterRecord[],
  ): DeliveryJson {
    const { name: subscription } = record;
    const letter = deadLetters.find((one) => one.subscription === subscription && !one.redriven);
    if (letter !== undefined) {
      const { attempts: attempt, reason, lastError: last_error } = letter;
      return { subscription, state: 'dead_lettered', attempt, reason, last_error };
    }
    const tracker = this.#options.delivery.durables.held(record.topicId, subscription);
    if (tracker !== undefined) return this.#liveJson(subscription, tracker, sequence);
    if (delivery !== null) return waitingJson(subscription, delivery);
    const isSettled =
      sequence <= record.ackFloor ||
      record.settled.some(([from, to]) => from <= sequence && sequence <= to);
    if (isSettled) return { subscription, state: 'acked' };
    // What nobody holds any more comes again to whoever subscribes next.
    return { subscription, state: sequence <= record.delivered ? 'waiting' : 'pending' };
  }

  #liveJson(subscription: string, tracker: Tracker, sequence: number): DeliveryJson {
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
    const dueInMs = entry.state === 'waiting' ? entry.dueAtMs - clock.monotonic() : 0;
    const next_attempt_at = isoTime(Math.round(clock.now() + Math.max(0, dueInMs)));
    return { subscription, state: 'waiting', attempt: attempts + 1, next_attempt_at, last_error };
  }
}

function waitingJson(subscription: string, delivery: DeliveryRecord): DeliveryJson {
  const { attempts, dueAtMs, lastError: last_error } = delivery;
  const next_attempt_at = isoTime(Math.round(dueAtMs));
  return { subscription, state: 'waiting', attempt: attempts + 1, next_attempt_at, last_error };
}

function letterJson(record: DeadLetterRecord): string {
  const { id, topic, row, subscription, session } = record;
  return browseMessage(topic, row, {
    id,
    subscription,
    session: session ?? undefined,
    reason: record.reason,
    attempts: record.attempts,
    first_failed_at: isoTime(record.firstFailedAtMs),
    last_failed_at: isoTime(record.lastFailedAtMs),
    last_error: record.lastError,
    redriven_count: record.redrivenCount,
  });
}
