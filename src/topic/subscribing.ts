/**
 * The life of subscriptions: subscribe, unsubscribe, the end of their session, of their topic, of the
 * log they stand on. Requests of one session for one topic are handled one after another.
 */
import { RequestError } from '../core/errors.js';
import type { Limits } from '../core/limits.js';
import type { MessageLog, TopicRecord } from '../log/message-log.js';
import type { WorkerLinkEnd } from '../thread/link.js';
import type { SubscribeOp, UnsubscribeOp } from '../thread/ops.js';
import {
  packFailed,
  packSubscribed,
  packUnsubscribed,
  UNSUBSCRIBED_ASKED,
  UNSUBSCRIBED_TOPIC_DELETED,
} from '../thread/ops.js';
import type { Commits } from './commits.js';
import type { Feeder } from './feeder.js';
import type { Heads } from './heads.js';
import type { PublishUnderWay } from './publishes.js';
import type { SessionEntry, Sessions } from './sessions.js';
import type { StartAnswer } from './start-position.js';
import { startPosition } from './start-position.js';
import { Subscription } from './subscription.js';
import type { Topic } from './topic.js';
import type { Topics } from './topics.js';

export interface SubscribingOptions {
  log: MessageLog<PublishUnderWay>;
  topics: Topics;
  sessions: Sessions;
  heads: Heads;
  commits: Commits;
  feeder: Feeder;
  limits: Limits;
  /** What is no RequestError is a bug: the thread must not go on. */
  onBug: (error: unknown) => void;
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
      const subscription = topic?.subscriptionOf(link, op.session);
      if (topic === undefined || subscription === undefined) {
        this.#fail(link, op, new RequestError('not_subscribed', 'not subscribed', 'topic'));
        return;
      }
      entry.subscriptions.delete(subscription);
      topic.forget(subscription);
      packUnsubscribed(link.writer, {
        request: op.request,
        session: op.session,
        topicNo: topic.no,
        reason: UNSUBSCRIBED_ASKED,
      });
      link.scheduleFlush();
    });
  }

  /** From SESSION_ENDED. */
  sessionEnded(link: WorkerLinkEnd, session: number): void {
    for (const ended of this.#options.sessions.end(link, session)) ended.topic.forget(ended);
  }

  /** The acceptor's thread is gone. */
  linkClosed(link: WorkerLinkEnd): void {
    for (const ended of this.#options.sessions.endAll(link)) ended.topic.forget(ended);
    this.#options.feeder.linkClosed(link);
  }

  /** The topic was deleted, here or elsewhere: its subscriptions are told and end. */
  topicGone(topic: Topic): void {
    this.#options.topics.forget(topic);
    for (const subscription of [...topic.subscriptions.values()]) {
      const { link, session } = subscription;
      this.#options.sessions.entry(link, session).subscriptions.delete(subscription);
      topic.forget(subscription);
      packUnsubscribed(link.writer, {
        request: 0,
        session,
        topicNo: topic.no,
        reason: UNSUBSCRIBED_TOPIC_DELETED,
      });
      link.scheduleFlush();
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
      if (subscription.cursor > head) {
        subscription.fallBack(head);
        const gap = { from: head + 1, to: lostUpTo, reason: 'failover' };
        this.#tell(subscription, 0, { cursor: head, recovered: false, gap });
      }
      this.#options.feeder.pump(subscription);
    }
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
    const start = await this.#resolveStart(topic, op);
    if (entry.state === 'ended') return;
    const known = topic.subscriptionOf(link, op.session);
    if (known !== undefined) {
      this.#tell(known, op.request, { cursor: 0, recovered: null, gap: null });
      return;
    }
    this.#options.commits.headSeen(topic, record.lastSequence);
    const head = Math.max(topic.head, record.lastSequence);
    const { firstSequence } = record;
    const { id: topicId, epoch } = topic;
    const answer = startPosition({ start, topicId, epoch, firstSequence, head });
    const subscription = new Subscription({
      link,
      session: op.session,
      topic,
      encoding: op.encoding,
      ack: op.options.ack,
      maxInFlight: op.options.maxInFlight,
      inFlightMaxDefault: this.#options.limits.inFlightMax,
      cursor: answer.cursor,
    });
    if (start.from !== 'latest') subscription.caughtUpAt = head;
    topic.remember(subscription);
    entry.subscriptions.add(subscription);
    this.#tell(subscription, op.request, answer);
    this.#options.feeder.pump(subscription);
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
    op: SubscribeOp,
  ): Promise<Parameters<typeof startPosition>[0]['start']> {
    const { start } = op.options;
    if (start.from !== 'time') return start;
    const sequence = await this.#options.log.sequenceAt(topic.id, start.timeMs);
    return { from: 'sequence', sequence: Math.min(sequence, topic.head + 1), epoch: null };
  }

  #tell(subscription: Subscription, request: number, answer: StartAnswer): void {
    const { link, topic, session } = subscription;
    packSubscribed(link.writer, {
      request,
      session,
      topicNo: topic.no,
      idTag: topic.idTag,
      sequence: topic.head,
      epoch: topic.epoch,
      recovered: answer.recovered,
      gap: answer.gap,
    });
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
    const previous = entry.underWay.get(topic);
    const current = (previous === undefined ? run() : previous.then(run)).catch(
      this.#options.onBug,
    );
    entry.underWay.set(topic, current);
    void current.then(() => {
      if (entry.underWay.get(topic) === current) entry.underWay.delete(topic);
    });
  }
}
