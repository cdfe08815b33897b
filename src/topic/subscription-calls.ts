/**
 * The control requests about durable subscriptions: list, look at, change, delete, seek, pause, resume.
 * What a subscription that nobody has open is asked to do, it is taken from the store for; what is
 * read of it comes from the store, and from the tracker where there is one.
 */
import type { Clock } from '../core/clock.js';
import { RequestError } from '../core/errors.js';
import { isoTime } from '../core/time.js';
import type { MessageLog } from '../log/message-log.js';
import type { SubscriptionRecord } from '../log/subscription-store.js';
import { type SubscribeOptions, UNSUBSCRIBED_DELETED } from '../thread/ops.js';
import type { Delivery } from './delivery.js';
import type { PublishUnderWay } from './publishes.js';
import type { Subscribing } from './subscribing.js';
import type { Topic } from './topic.js';
import type { Topics } from './topics.js';
import type { Tracker } from './tracker.js';

export interface SubscriptionCallsOptions {
  log: MessageLog<PublishUnderWay>;
  topics: Topics;
  delivery: Delivery;
  subscribing: Subscribing;
  clock: Clock;
  /** Whether this worker has the topic. */
  owns: (tenant: string, topic: string) => boolean;
}

/** Arguments as the acceptor sends them: validated there. */
interface SubscriptionArgs {
  tenant: string;
  topic: string;
  subscription: string;
  ack_wait_ms: number | null;
  max_deliver: number | null;
  start: SubscribeOptions['start'];
}

interface ListArgs {
  tenant: string;
  topic: string | null;
  after: { topic: string; name: string } | null;
  limit: number;
}

/** What `GET /api/subscriptions` gives of one. */
interface SubscriptionJson {
  topic: string;
  name: string;
  ack_wait_ms: number;
  max_deliver: number;
  ordering: string;
  paused: boolean;
  created_at: string;
  ack_floor: number;
  delivered: number;
  /** head - ack_floor, messages. */
  lag: number;
  /** head - delivered, messages. */
  backlog: number;
  in_flight: number;
  /** Since the oldest unsettled delivery was sent; null: there is none here. */
  oldest_unacked_ms: number | null;
  sessions: number;
}

export class SubscriptionCalls {
  readonly #options: SubscriptionCallsOptions;

  constructor(options: SubscriptionCallsOptions) {
    this.#options = options;
  }

  /** By name; each rejects with RequestError, `topic_not_found` where there is no such topic. */
  readonly methods: Readonly<Record<string, (args: never) => Promise<unknown>>> = {
    'subscription.list': (args: ListArgs) => this.#list(args),
    'subscription.get': async (args: SubscriptionArgs) => ({ subscription: await this.#get(args) }),
    'subscription.patch': (args: SubscriptionArgs) => this.#patch(args),
    'subscription.delete': (args: SubscriptionArgs) => this.#delete(args),
    'subscription.seek': (args: SubscriptionArgs) => this.#seek(args),
    'subscription.pause': (args: SubscriptionArgs) =>
      this.#change(args, async (tracker) => this.#options.delivery.attachments.pause(tracker)),
    'subscription.resume': (args: SubscriptionArgs) =>
      this.#change(args, async (tracker) => this.#options.delivery.attachments.resume(tracker)),
  };

  /** Pages through all until the limit of those of this worker is reached. */
  async #list({ tenant, topic, after, limit }: ListArgs): Promise<unknown> {
    const { log, owns, delivery } = this.#options;
    await delivery.saves.flush();
    const own: SubscriptionRecord[] = [];
    for (let from = after; own.length < limit; ) {
      const page = await log.subscriptions.list(tenant, { topic, after: from, limit });
      own.push(...page.filter((record) => owns(tenant, record.topic)));
      const last = page.at(-1);
      if (last === undefined || page.length < limit) break;
      from = { topic: last.topic, name: last.name };
    }
    const listed = own.slice(0, limit);
    const heads = await log.heads([...new Set(listed.map((record) => record.topicId))]);
    return {
      subscriptions: listed.map((record) =>
        this.#json(record, heads.get(record.topicId)?.lastSequence ?? record.delivered),
      ),
    };
  }

  async #get({ tenant, topic: name, subscription }: SubscriptionArgs): Promise<unknown> {
    const { log, delivery } = this.#options;
    const topic = await this.#topic(tenant, name);
    // A floor that has passed a dead letter is not shown before the dead letter can be.
    await delivery.saves.flush();
    const record = await log.subscriptions.find(topic.id, subscription);
    if (record === null) return null;
    const heads = await log.heads([topic.id]);
    return this.#json(record, heads.get(topic.id)?.lastSequence ?? topic.head);
  }

  #patch(args: SubscriptionArgs): Promise<unknown> {
    return this.#change(args, async ({ cursor }) => {
      const { rule } = cursor;
      cursor.rule = {
        ackWaitMs: args.ack_wait_ms ?? rule.ackWaitMs,
        maxDeliver: args.max_deliver ?? rule.maxDeliver,
      };
    });
  }

  async #delete({ tenant, topic: name, subscription }: SubscriptionArgs): Promise<unknown> {
    const { log, delivery, subscribing } = this.#options;
    const topic = await this.#topic(tenant, name);
    const deleted = await log.subscriptions.delete(topic.id, subscription);
    const tracker = delivery.durables.held(topic.id, subscription);
    if (tracker !== undefined) subscribing.trackerLost(tracker, UNSUBSCRIBED_DELETED);
    return { deleted };
  }

  #seek(args: SubscriptionArgs): Promise<unknown> {
    const { delivery, subscribing } = this.#options;
    return this.#change(args, async (tracker) => {
      const position = await subscribing.openings.position(tracker.topic, args.start);
      delivery.attachments.seek(tracker, position.cursor);
    });
  }

  /** Takes it, changes it, and answers once that is stored. */
  async #change(
    { tenant, topic: name, subscription }: SubscriptionArgs,
    change: (tracker: Tracker) => Promise<void>,
  ): Promise<unknown> {
    const { log, delivery } = this.#options;
    const topic = await this.#topic(tenant, name);
    const record = await log.subscriptions.find(topic.id, subscription);
    if (record === null) return { subscription: null };
    const { settings, delivered } = record;
    const initial = { settings, cursor: delivered };
    return delivery.durables.with(topic, subscription, initial, async (tracker) => {
      await change(tracker);
      tracker.cursor.changes.moved = true;
      delivery.saves.changed(tracker);
      await delivery.saves.flush();
      if (tracker.state === 'ended') {
        throw new RequestError('busy', 'the subscription was taken over meanwhile', 'subscription');
      }
      const heads = await log.heads([topic.id]);
      const head = heads.get(topic.id)?.lastSequence ?? topic.head;
      return { subscription: this.#json({ ...record, ...stateOf(tracker) }, head) };
    });
  }

  async #topic(tenant: string, name: string): Promise<Topic> {
    const topic = await this.#options.topics.find(tenant, name);
    if (topic !== null) return topic;
    throw new RequestError('topic_not_found', 'topic not found', 'topic');
  }

  #json(stored: SubscriptionRecord, head: number): SubscriptionJson {
    const { delivery, clock } = this.#options;
    const nowMs = clock.monotonic();
    const tracker = delivery.durables.held(stored.topicId, stored.name);
    tracker?.sync(nowMs);
    const record = tracker === undefined ? stored : { ...stored, ...stateOf(tracker) };
    const { ackFloor, delivered, settings } = record;
    const settledAbove = record.settled.reduce((sum, [from, to]) => sum + to - from + 1, 0);
    const sentAtMs = tracker?.oldestSentAtMs() ?? null;
    return {
      topic: record.topic,
      name: record.name,
      ack_wait_ms: settings.ackWaitMs,
      max_deliver: settings.maxDeliver,
      ordering: settings.ordering,
      paused: record.paused,
      created_at: isoTime(record.createdAtMs),
      ack_floor: ackFloor,
      delivered,
      lag: Math.max(0, head - ackFloor),
      backlog: Math.max(0, head - delivered),
      in_flight: tracker?.cursor.inFlight ?? delivered - ackFloor - settledAbove,
      oldest_unacked_ms: sentAtMs === null ? null : Math.max(0, Math.round(nowMs - sentAtMs)),
      sessions: tracker?.subscriptions.size ?? 0,
    };
  }
}

/** What a tracker knows better than the store. */
function stateOf(
  tracker: Tracker,
): Pick<SubscriptionRecord, 'ackFloor' | 'settled' | 'delivered' | 'settings' | 'paused'> {
  const { cursor, state } = tracker;
  return {
    ackFloor: cursor.floor,
    settled: cursor.settledRanges,
    delivered: cursor.delivered,
    settings: { ...cursor.rule, ordering: cursor.ordering },
    paused: state === 'paused',
  };
}
