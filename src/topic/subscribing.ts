/**
 * The life of subscriptions: subscribe, unsubscribe, the end of their session, of their topic, of the
 * log they stand on. Requests of one session for one topic are handled one after another.
 */
import type { Clock } from '../core/clock.js';
import { RequestError } from '../core/errors.js';
import type { Limits } from '../core/limits.js';
import type { MessageLog, TopicRecord } from '../log/message-log.js';
import type { WorkerLinkEnd } from '../thread/link.js';
import type {
  SessionEndedOp,
  SubscribeOp,
  SubscribeOptions,
  UnsubscribeOp,
} from '../thread/ops.js';
import {
  packFailed,
  packSubscribed,
  packUnsubscribed,
  UNSUBSCRIBED_ASKED,
  UNSUBSCRIBED_TAKEN_OVER,
  UNSUBSCRIBED_TOPIC_DELETED,
} from '../thread/ops.js';
import type { Commits } from './commits.js';
import type { Delivery } from './delivery.js';
import type { Heads } from './heads.js';
import type { PublishUnderWay } from './publishes.js';
import type { SessionEntry, Sessions } from './sessions.js';
import type { StartAnswer } from './start-position.js';
import { startPosition } from './start-position.js';
import { Subscription } from './subscription.js';
import type { Topic } from './topic.js';
import type { Topics } from './topics.js';
import { Tracker } from './tracker.js';

export interface SubscribingOptions {
  log: MessageLog<PublishUnderWay>;
  topics: Topics;
  sessions: Sessions;
  heads: Heads;
  commits: Commits;
  delivery: Delivery;
  clock: Clock;
  limits: Limits;
  /** Of this node and worker: the names of sessions in traces begin with it. */
  origin: string;
  /** What is no RequestError is a bug: the thread must not go on. */
  onBug: (error: unknown) => void;
}

/** A subscribe whose topic was found. */
interface Opening {
  topic: Topic;
  record: TopicRecord;
  op: SubscribeOp;
  entry: SessionEntry;
}

export class Subscribing {
  readonly #options: SubscribingOptions;

  constructor(options: SubscribingOptions) {
    this.#options = options;
  }

  /** From SUBSCRIBE. */
  subscribe(link: WorkerLinkEnd, tenant: string, op: SubscribeOp): void {
    const entry = this.#options.sessions.entry(link, op.session);
    this.#inTurn(entry, op.topic, async () => {
      try {
        await this.#open(link, tenant, op, entry);
      } catch (error) {
        this.#fail(link, op, error);
      }
    });
  }

  /** From UNSUBSCRIBE. */
  unsubscribe(link: WorkerLinkEnd, tenant: string, op: UnsubscribeOp): void {
    const entry = this.#options.sessions.entry(link, op.session);
    this.#inTurn(entry, op.topic, async () => {
      const topic = this.#options.topics.known(tenant, op.topic);
      const subscription = topic?.subscriptionOf(link, op.subscription);
      if (subscription === undefined) {
        this.#fail(link, op, new RequestError('not_subscribed', 'not subscribed', 'topic'));
        return;
      }
      this.#end(subscription, 'clean', { request: op.request, reason: UNSUBSCRIBED_ASKED });
    });
  }

  /** From SESSION_ENDED. */
  sessionEnded(link: WorkerLinkEnd, { session, abrupt }: SessionEndedOp): void {
    for (const ended of this.#options.sessions.end(link, session)) {
      this.#options.delivery.attachments.detach(ended, abrupt ? 'abrupt' : 'clean');
    }
  }

  /** The acceptor's thread is gone. */
  linkClosed(link: WorkerLinkEnd): void {
    const { sessions } = this.#options;
    const { attachments, feeder } = this.#options.delivery;
    for (const ended of sessions.endAll(link)) attachments.detach(ended, 'clean');
    feeder.linkClosed(link);
  }

  /** The topic was deleted, here or elsewhere: its subscriptions are told and end. */
  topicGone(topic: Topic): void {
    const { topics } = this.#options;
    const { durables } = this.#options.delivery;
    topics.forget(topic);
    for (const tracker of durables.ofTopic(topic)) durables.end(tracker);
    const told = { request: 0, reason: UNSUBSCRIBED_TOPIC_DELETED };
    for (const subscription of [...topic.subscriptions.values()]) {
      this.#end(subscription, 'clean', told);
    }
  }

  /** A durable subscription that is not this worker's any more: its sessions are told why and end. */
  trackerLost(tracker: Tracker, reason: number): void {
    this.#options.delivery.durables.end(tracker);
    for (const subscription of [...tracker.subscriptions]) {
      this.#end(subscription, 'clean', { request: 0, reason });
    }
  }

  /** Another incarnation of the log answers, with this record of the topic. */
  epochChanged(topic: Topic, record: TopicRecord): void {
    topic.epoch = this.#options.log.epochOf(topic.id);
    topic.ahead = [];
    topic.cache.clear();
    const head = record.lastSequence;
    const lostUpTo = topic.head;
    topic.head = head;
    for (const subscription of topic.subscriptions.values()) {
      subscription.group?.leave(subscription);
      if (subscription.delivered > head) {
        const gap = { from: head + 1, to: lostUpTo, reason: 'failover' };
        this.#tell(subscription, 0, { cursor: head, recovered: false, gap });
      }
    }
    this.#options.delivery.attachments.fallBack(topic);
  }

  async #open(
    link: WorkerLinkEnd,
    tenant: string,
    op: SubscribeOp,
    entry: SessionEntry,
  ): Promise<void> {
    const topic = await this.#findOrCreate(tenant, op);
    const record = await this.#options.heads.read(topic.id);
    if (record === null) {
      this.topicGone(topic);
      throw new RequestError('topic_not_found', 'topic not found', 'topic');
    }
    if (entry.state === 'ended') return;
    const known = topic.subscriptionOf(link, op.subscription);
    if (known !== undefined) {
      this.#tell(known, op.request, { cursor: 0, recovered: null, gap: null });
      return;
    }
    this.#options.commits.headSeen(topic, record.lastSequence);
    if (op.options.name === null) await this.#openEphemeral(link, { topic, record, op, entry });
    else await this.#openDurable(link, op.options.name, { topic, record, op, entry });
  }

  async #openEphemeral(link: WorkerLinkEnd, opening: Opening): Promise<void> {
    const { topic, op, entry } = opening;
    const answer = await this.#start(opening);
    if (entry.state === 'ended') return;
    const { clock } = this.#options;
    const tracker =
      op.options.ack === 'none'
        ? null
        : new Tracker({
            topic,
            durable: null,
            rule: this.#settings(op),
            ordering: op.options.ordering,
            random: clock.random,
            ackFloor: answer.cursor,
          });
    this.#attach(link, opening, tracker, answer);
  }

  /** `start` and the settings count when it is made; later it goes on from its cursor. */
  async #openDurable(link: WorkerLinkEnd, name: string, opening: Opening): Promise<void> {
    const { log } = this.#options;
    const { durables } = this.#options.delivery;
    const { topic, op, entry, record } = opening;
    const { exclusive } = op.options;
    const isThere =
      durables.held(topic.id, name) !== undefined ||
      (await log.subscriptions.find(topic.id, name)) !== null;
    const initial = isThere ? null : await this.#start(opening);
    const settings = { ...this.#settings(op), ordering: op.options.ordering };
    const cursor = initial?.cursor ?? Math.max(topic.head, record.lastSequence);
    await durables.with(topic, name, { settings, cursor }, async (tracker) => {
      if (entry.state === 'ended') return;
      if (tracker.state === 'ended') {
        throw new RequestError('busy', 'the subscription is being taken over', 'subscription');
      }
      if (exclusive) this.#takeOver(tracker);
      else if (tracker.exclusive !== null) {
        const detail = 'a session has this subscription to itself; "exclusive" takes it over';
        throw new RequestError('subscription_in_use', detail, 'subscription');
      }
      this.#attach(link, opening, tracker, initial ?? goOn(tracker, opening));
    });
  }

  #takeOver(tracker: Tracker): void {
    for (const other of [...tracker.subscriptions]) {
      this.#end(other, 'clean', { request: 0, reason: UNSUBSCRIBED_TAKEN_OVER });
    }
  }

  #attach(
    link: WorkerLinkEnd,
    { topic, record, op, entry }: Opening,
    tracker: Tracker | null,
    answer: StartAnswer,
  ): void {
    const { limits, origin } = this.#options;
    const { attachments } = this.#options.delivery;
    const subscription = new Subscription({
      link,
      session: op.session,
      number: op.subscription,
      topic,
      encoding: op.encoding,
      ack: op.options.ack,
      maxInFlight: op.options.maxInFlight,
      inFlightMaxDefault: limits.inFlightMax,
      tracker,
      origin,
      delivered: tracker?.cursor.delivered ?? answer.cursor,
    });
    const head = Math.max(topic.head, record.lastSequence);
    if (op.options.name !== null || op.options.start.from !== 'latest') {
      subscription.caughtUpAt = head;
    }
    if (tracker !== null && op.options.exclusive) tracker.exclusive = subscription;
    topic.remember(subscription);
    entry.subscriptions.add(subscription);
    this.#tell(subscription, op.request, answer, head);
    attachments.attach(subscription, entry);
  }

  #settings({ options }: SubscribeOp): { ackWaitMs: number; maxDeliver: number } {
    const { ackWaitMs, maxDeliver } = this.#options.limits;
    return {
      ackWaitMs: options.ackWaitMs ?? ackWaitMs,
      maxDeliver: options.maxDeliver ?? maxDeliver,
    };
  }

  /** Where `start` is now; throws `bad_cursor`. */
  async position(topic: Topic, asked: SubscribeOptions['start']): Promise<StartAnswer> {
    const record = await this.#options.heads.read(topic.id);
    if (record === null) throw new RequestError('topic_not_found', 'topic not found', 'topic');
    return this.#position(topic, record, asked);
  }

  #start({ topic, record, op }: Opening): Promise<StartAnswer> {
    return this.#position(topic, record, op.options.start);
  }

  async #position(
    topic: Topic,
    record: TopicRecord,
    asked: SubscribeOptions['start'],
  ): Promise<StartAnswer> {
    const start = await this.#resolveStart(topic, asked);
    const head = Math.max(topic.head, record.lastSequence);
    const { firstSequence } = record;
    return startPosition({ start, topicId: topic.id, epoch: topic.epoch, firstSequence, head });
  }

  async #findOrCreate(tenant: string, op: SubscribeOp): Promise<Topic> {
    const found = await this.#options.topics.find(tenant, op.topic);
    if (found !== null) return found;
    if (!op.options.create) throw new RequestError('topic_not_found', 'topic not found', 'topic');
    const { topic } = await this.#options.log.createTopic(tenant, op.topic, null);
    return this.#options.topics.met(topic);
  }

  async #resolveStart(
    topic: Topic,
    start: SubscribeOptions['start'],
  ): Promise<Parameters<typeof startPosition>[0]['start']> {
    if (start.from !== 'time') return start;
    const sequence = await this.#options.log.sequenceAt(topic.id, start.timeMs);
    return { from: 'sequence', sequence: Math.min(sequence, topic.head + 1), epoch: null };
  }

  /** `head`: which may be further than fan-out has come. */
  #tell(
    subscription: Subscription,
    request: number,
    answer: StartAnswer,
    head = subscription.topic.head,
  ): void {
    const { link, topic, number } = subscription;
    packSubscribed(link.writer, {
      request,
      subscription: number,
      topicNo: topic.no,
      idTag: topic.idTag,
      sequence: head,
      epoch: topic.epoch,
      recovered: answer.recovered,
      gap: answer.gap,
    });
    link.scheduleFlush();
  }

  /** Ends one and tells its session. */
  #end(
    subscription: Subscription,
    end: 'clean' | 'abrupt',
    told: { request: number; reason: number },
  ): void {
    const { link, session, number, topic } = subscription;
    const { sessions } = this.#options;
    const { attachments } = this.#options.delivery;
    sessions.entry(link, session).subscriptions.delete(subscription);
    attachments.detach(subscription, end);
    packUnsubscribed(link.writer, { ...told, subscription: number, topicNo: topic.no });
    link.scheduleFlush();
  }

  #fail(link: WorkerLinkEnd, op: { request: number; session: number }, error: unknown): void {
    if (!(error instanceof RequestError)) {
      this.#options.onBug(error);
      return;
    }
    packFailed(link.writer, {
      request: op.request,
      session: op.session,
      code: error.code,
      detail: error.message,
      field: error.field ?? null,
    });
    link.scheduleFlush();
  }

  /** Runs it after what is under way for the same session and topic. */
  #inTurn(entry: SessionEntry, topic: string, run: () => Promise<void>): void {
    entry.underWay ??= new Map();
    const { underWay } = entry;
    const previous = underWay.get(topic);
    const current = (previous === undefined ? run() : previous.then(run)).catch(
      this.#options.onBug,
    );
    underWay.set(topic, current);
    void current.then(() => {
      if (underWay.get(topic) === current) underWay.delete(topic);
      if (underWay.size === 0) entry.underWay = null;
    });
  }
}

/** Where a durable subscription goes on: what retention or a failover took from it is told. */
function goOn(tracker: Tracker, { topic, record }: Opening): StartAnswer {
  const { cursor } = tracker;
  const head = Math.max(topic.head, record.lastSequence);
  if (cursor.delivered > head) {
    const gap = { from: head + 1, to: cursor.delivered, reason: 'failover' };
    tracker.seek(Math.min(cursor.floor, head));
    return { cursor: cursor.delivered, recovered: false, gap };
  }
  const oldest = Math.min(record.firstSequence - 1, head);
  const from = cursor.floor + 1;
  if (from > oldest) return { cursor: cursor.delivered, recovered: true, gap: null };
  cursor.passOver(oldest);
  return {
    cursor: cursor.delivered,
    recovered: false,
    gap: { from, to: oldest, reason: 'retention' },
  };
}
