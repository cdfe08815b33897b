/**
 * The life of subscriptions: what sessions ask for, the end of a session, of a topic, of the log they
 * stand on. How one is opened is in openings.ts, in which order asks are handled in asks.ts.
 */
import { RequestError } from '../../core/errors.js';
import type { TopicRecord } from '../../core/topic-record.js';
import type { LostTerm } from '../../log/contract/subscription-store.js';
import { failureOf } from '../../thread/ops/failed.js';
import { UNFENCED } from '../../thread/ops/fence.js';
import type { SessionEndedOp } from '../../thread/ops/subscribe.js';
import {
  UNSUBSCRIBED_ASKED,
  UNSUBSCRIBED_DELETED,
  UNSUBSCRIBED_MOVED,
  UNSUBSCRIBED_TAKEN_OVER,
  UNSUBSCRIBED_TOPIC_DELETED,
} from '../../thread/ops/subscribe.js';
import type { BroughtTopic } from '../log/resync.js';
import type { AbroadSubscription } from '../peers/abroad-subscription.js';
import type { Outlet } from '../state/outlet.js';
import type { Subscription, Topic, Tracker } from '../state/subscription.js';
import type { Ask, SessionEntry, WorkerSessions } from '../state/worker-sessions.js';
import { Asks } from './asks.js';
import type { OpeningsOptions } from './openings.js';
import { Openings, sessionGone } from './openings.js';
import { tellSubscribed } from './subscribed-answer.js';

export interface SubscriptionRequestsOptions
  extends Omit<OpeningsOptions, 'onTopicGone' | 'onTakeOver'> {
  sessions: WorkerSessions;
  /** What is no RequestError is a bug: the thread must not go on. */
  onBug: (error: unknown) => void;
}

export class SubscriptionRequests {
  readonly openings: Openings;
  readonly #options: SubscriptionRequestsOptions;
  readonly #asks: Asks;

  constructor(options: SubscriptionRequestsOptions) {
    this.#options = options;
    const { sessions, onBug } = options;
    this.#asks = new Asks({ sessions, handle: (entry, ask) => this.#handle(entry, ask), onBug });
    this.openings = new Openings({
      ...options,
      onTopicGone: (topic) => this.topicGone(topic),
      onTakeOver: (subscription) => {
        this.#end(subscription, 'clean', { request: 0, reason: UNSUBSCRIBED_TAKEN_OVER });
      },
    });
  }

  /**
   * From SUBSCRIBE and UNSUBSCRIBE. Exactly one answer comes of each, also when its session ends before;
   * what needs nothing of the log is answered at once.
   */
  ask(ask: Ask): void {
    this.#asks.take(ask);
  }

  /** From SESSION_ENDED. What it asked for is not begun any more. */
  sessionEnded(outlet: Outlet, op: SessionEndedOp): void {
    const { session, abrupt } = op;
    this.#options.abroad()?.sessionEnded(outlet, op);
    const { subscriptions, asks } = this.#options.sessions.end(outlet, session);
    for (const one of subscriptions) {
      this.#options.delivery.close(one, abrupt ? 'abrupt' : 'clean');
    }
    for (const { op } of asks) this.#fail(outlet, op, sessionGone());
  }

  /** The acceptor's thread is gone. */
  outletClosed(outlet: Outlet): void {
    const { sessions, delivery } = this.#options;
    this.#options.abroad()?.outletClosed(outlet);
    for (const ended of sessions.endAll(outlet)) delivery.close(ended, 'clean');
    delivery.outletClosed(outlet);
  }

  /** The topic was deleted, here or elsewhere: its subscriptions are told and end. */
  topicGone(topic: Topic): void {
    this.#endAll(topic);
    this.#options.delivery.giveUp(new Set([topic]));
  }

  /** A save under its term was refused: nothing more is given, and it is asked why. */
  async termLost(tracker: Tracker): Promise<void> {
    const { delivery, log } = this.#options;
    const { topic, durable } = tracker;
    delivery.lose(tracker);
    if (durable === null) return;
    const asked = log.subscriptions.lost([{ ...durable, topicId: topic.id }]);
    // Where that cannot be said, whoever coordinates it will be found when the log is back.
    const [lost] = await asked.catch(() => []);
    this.lost(tracker, lost?.why ?? 'moved');
  }

  /** It is another's, or nobody's. */
  lost(tracker: Tracker, why: LostTerm['why']): void {
    if (why !== 'moved' || this.#options.abroad() === null) {
      const isDeleted = why === 'deleted';
      this.trackerLost(tracker, isDeleted ? UNSUBSCRIBED_DELETED : UNSUBSCRIBED_TAKEN_OVER);
      return;
    }
    this.#options.delivery.lose(tracker);
    for (const subscription of [...tracker.subscriptions]) this.#follow(tracker, subscription);
  }

  /** Nobody answers for its session: what it holds is given back; if it is there all the same, it is told. */
  silent(subscription: Subscription): void {
    const isGuest = subscription.outlet.kind === 'peer';
    const reason = isGuest ? UNSUBSCRIBED_MOVED : UNSUBSCRIBED_TAKEN_OVER;
    this.#end(subscription, 'clean', { request: 0, reason });
  }

  /** The sessions of other nodes go on with whoever coordinates it next. */
  letGo(tracker: Tracker): void {
    for (const guest of [...tracker.subscriptions]) {
      this.#end(guest, 'clean', { request: 0, reason: UNSUBSCRIBED_MOVED });
    }
    void this.#options.delivery.saved();
  }

  /** Opens what was coordinated by another node, or attaches it to the next. Rejects as a subscribe. */
  reopen(one: AbroadSubscription): Promise<void> {
    const { outlet, op } = one;
    return this.#options.sessions.with(outlet, op.session, (entry) =>
      this.openings.open(entry, { outlet, op, one }),
    );
  }

  /** A session of one that another node coordinates goes on there, with what it holds. */
  #follow(tracker: Tracker, subscription: Subscription): void {
    const { outlet, asked, topic, member, giving } = subscription;
    const abroad = this.#options.abroad();
    const isGuest = outlet.kind === 'peer';
    if (abroad === null || isGuest || asked === null || tracker.exclusive === subscription) {
      const reason = isGuest ? UNSUBSCRIBED_MOVED : UNSUBSCRIBED_TAKEN_OVER;
      this.#end(subscription, 'clean', { request: 0, reason });
      return;
    }
    tracker.sync(this.#options.clock.monotonic());
    const held = member === null ? [] : tracker.cursor.heldOf(member);
    this.#forget(subscription, 'clean');
    const one = abroad.follow({
      ...{ outlet, op: { ...asked, request: 0 }, topic, identity: tracker.durable },
    });
    for (const delivery of held) {
      one.held.wasGiven(delivery, subscription.idBefore(delivery.sequence));
    }
    one.ids = subscription.ids;
    one.givingCount = subscription.givingCount;
    if (typeof one.wanted === 'number') one.wanted = subscription.wanted;
    one.giving = giving?.map(({ sequence }) => sequence) ?? null;
    one.round = subscription.round;
    one.isCaughtUp = !Number.isFinite(subscription.caughtUpAt);
    outlet.fence({
      subscription: subscription.number,
      topicNo: topic.no,
      place: UNFENCED,
      lapses: 0,
    });
    abroad.seek(one);
  }

  /** A durable subscription that is not this worker's any more: its sessions are told why and end. */
  trackerLost(tracker: Tracker, reason: number): void {
    this.#options.delivery.lose(tracker);
    for (const subscription of [...tracker.subscriptions]) {
      this.#end(subscription, 'clean', { request: 0, reason });
    }
  }

  /**
   * Another incarnation of the log answers. Of a topic where nobody knows what both have nothing is vouched
   * for: all is told as a gap, and of a durable subscription only the log knows where it is, so that its
   * sessions have to come back.
   */
  broughtOver(topics: readonly BroughtTopic[]): void {
    const { delivery } = this.#options;
    const forgotten = new Set<Topic>();
    for (const { topic, record, common } of topics) {
      if (record !== null && common !== null) continue;
      forgotten.add(topic);
      if (record === null) this.#endAll(topic);
      else this.#forgetHeld(topic);
    }
    // Before any of them falls back: what is said of it from then on is of the log that answers now.
    if (forgotten.size > 0) delivery.giveUp(forgotten);
    for (const { topic, record, common } of topics) {
      if (record !== null) this.#fallBack(topic, record, common);
    }
  }

  #fallBack(topic: Topic, record: TopicRecord, common: number | null): void {
    topic.epoch = this.#options.log.epochOf(topic.id);
    topic.ahead.clear();
    topic.cache.clear();
    const head = record.lastSequence;
    const lostUpTo = topic.head;
    const upTo = Math.min(head, common ?? lostUpTo);
    topic.head = head;
    const isWhole = common !== null && lostUpTo <= upTo;
    const from = common === null ? 1 : upTo + 1;
    const gap = isWhole ? null : { from, to: lostUpTo, reason: 'failover' as const };
    this.#options.delivery.fallBack(topic, upTo, gap);
  }

  /** What is known here of them is of another log. */
  #forgetHeld(topic: Topic): void {
    for (const tracker of this.#options.delivery.heldOf(topic)) {
      this.trackerLost(tracker, UNSUBSCRIBED_TAKEN_OVER);
    }
  }

  /** The topic is no more. */
  #endAll(topic: Topic): void {
    const { topics, delivery } = this.#options;
    topics.forget(topic);
    for (const tracker of delivery.heldOf(topic)) delivery.lose(tracker);
    const told = { request: 0, reason: UNSUBSCRIBED_TOPIC_DELETED };
    for (const subscription of [...topic.subscriptions.values()]) {
      this.#end(subscription, 'clean', told);
    }
  }

  /** Null: it is answered. */
  #handle(entry: SessionEntry, ask: Ask): Promise<void> | null {
    const { outlet, op } = ask;
    if (this.#handleAbroad(ask)) return null;
    const topic = this.#options.topics.known(op.topic);
    const known = topic?.subscriptionOf(outlet, op.subscription);
    if ('options' in op) {
      if (known === undefined) {
        const opened = this.openings.open(entry, { outlet, op });
        return opened.catch((error: unknown) => this.#fail(outlet, op, error));
      }
      tellSubscribed(known, op.request, { recovered: null, gap: null, head: known.topic.head });
    } else if (known === undefined) {
      this.#fail(outlet, op, new RequestError('not_subscribed', 'not subscribed', 'topic'));
    } else {
      this.#end(known, 'clean', { request: op.request, reason: UNSUBSCRIBED_ASKED });
    }
    return null;
  }

  /** Of what another node coordinates, as far as it is open. */
  #handleAbroad({ outlet, op }: Ask): boolean {
    const abroad = this.#options.abroad();
    if (abroad === null) return false;
    return 'options' in op ? abroad.subscribedAgain(outlet, op) : abroad.unsubscribe(outlet, op);
  }

  /** Ends one and tells its session. */
  #end(
    subscription: Subscription,
    end: 'clean' | 'abrupt',
    told: { request: number; reason: number },
  ): void {
    const { outlet, number, topic } = subscription;
    this.#forget(subscription, end);
    outlet.unsubscribed({ ...told, subscription: number, topicNo: topic.no });
  }

  #forget(subscription: Subscription, end: 'clean' | 'abrupt'): void {
    const { outlet, session } = subscription;
    const { sessions, delivery } = this.#options;
    const entry = sessions.entry(outlet, session);
    entry.subscriptions.delete(subscription);
    sessions.forgetIdle(entry);
    delivery.close(subscription, end);
  }

  #fail(outlet: Outlet, op: { request: number; session: number }, error: unknown): void {
    if (!(error instanceof RequestError)) {
      this.#options.onBug(error);
      return;
    }
    outlet.failed(failureOf(op, error));
  }
}
