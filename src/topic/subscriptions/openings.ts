/**
 * How a subscription is opened: the topic is found or made, its head read, a durable one taken from the
 * store. Between any two of these the session may end or the topic go; then it is given up.
 */
import type { Clock } from '../../core/clock.js';
import { RequestError } from '../../core/errors.js';
import { ofTopic } from '../../core/happening.js';
import { KeyedRates, shareOf } from '../../core/keyed-rates.js';
import type { Limits } from '../../core/limits.js';
import type { TopicRecord } from '../../core/topic-record.js';
import type { Turns } from '../../core/turns.js';
import type { MessageLog } from '../../log/contract/message-log.js';
import { noSubscription, OwnedElsewhere } from '../../log/contract/subscription-store.js';
import type { SubscribeOp } from '../../thread/ops/subscribe.js';
import type { SubscribeOptions } from '../../thread/ops/subscribe-options.js';
import type { Delivery } from '../delivery/delivery.js';
import type { TopicReads } from '../log/placed-reads.js';
import type { PublishUnderWay } from '../log/publishes.js';
import type { Abroad } from '../peers/abroad.js';
import type { AbroadSubscription } from '../peers/abroad-subscription.js';
import type { Outlet } from '../state/outlet.js';
import { Subscription, type Topic, type Tracker } from '../state/subscription.js';
import type { Topics } from '../state/topics.js';
import { type DurableIdentity, isSameDurable, TrackerOf } from '../state/tracker.js';
import type { SessionEntry } from '../state/worker-sessions.js';
import type { StartAnswer } from './start-position.js';
import { goOn, startPosition } from './start-position.js';
import { tellGoneOn, tellSubscribed } from './subscribed-answer.js';

/** Sessions whose rate of making topics is remembered; numbers of sessions are not used again. */
const MAKERS_MAX = 16_384;

export interface OpeningsOptions {
  log: MessageLog<PublishUnderWay>;
  topics: Topics;
  heads: TopicReads<TopicRecord>;
  /** For what is asked of the log for one session alone; its lane is the session. */
  turns: Turns;
  delivery: Delivery;
  clock: Clock;
  limits: Limits;
  /** Of this node, with this one: a session's topics are at all of them. */
  workers: number;
  /** Of this node and worker: the names of sessions in traces begin with it. */
  origin: string;
  onTopicGone: (topic: Topic) => void;
  /** Another session takes the durable subscription for itself. */
  onTakeOver: (loser: Subscription) => void;
  /** What workers of other nodes coordinate; null: there is no link to them. */
  abroad: () => Abroad | null;
}

/** A subscribe as it came. */
interface Request {
  outlet: Outlet;
  op: SubscribeOp;
  /** It was coordinated by another node, or is to be: as what it is known until it is opened here. */
  one?: AbroadSubscription | null;
}

/** A subscribe whose topic was found. */
interface Opening {
  topic: Topic;
  /** Of the log that `record` was asked of. */
  epoch: string;
  record: TopicRecord;
  op: SubscribeOp;
  entry: SessionEntry;
  one: AbroadSubscription | null;
  /** A durable one, as it was found; null: it was not there. */
  found?: DurableIdentity | null;
}

export class Openings {
  readonly #options: OpeningsOptions;
  /** By session: how many topics it makes. */
  readonly #made: KeyedRates<number>;

  constructor(options: OpeningsOptions) {
    this.#options = options;
    const { limits, clock, workers } = options;
    const burst = limits.topicsMadePerMinuteMax;
    const share = shareOf({ perS: burst / 60, burst }, workers);
    this.#made = new KeyedRates({ ...share, keysMax: MAKERS_MAX }, clock);
  }

  /** Opens it and tells the session; rejects with RequestError, or with a bug. */
  async open(entry: SessionEntry, { outlet, op, one = null }: Request): Promise<void> {
    const topic = await this.#findOrCreate(entry, { outlet, op });
    checkOpen(entry, one);
    const { epoch } = topic;
    const record = await this.#options.heads.read(topic.id);
    // Of another name: of a log that was restored, which gives ids again.
    if (record?.key !== topic.key) {
      this.#options.onTopicGone(topic);
      throw topicNotFound();
    }
    const opening = { topic, epoch, record, op, entry, one };
    this.#checkWanted(opening);
    this.#options.delivery.headSeen(topic, record.lastSequence);
    if (op.options.name === null) await this.#openEphemeral(outlet, opening);
    else await this.#openOrAttach(outlet, op.options.name, opening);
  }

  /** What another node coordinates is attached there. */
  async #openOrAttach(outlet: Outlet, name: string, opening: Opening): Promise<void> {
    if (outlet.kind === 'peer') {
      await this.#openGuest(outlet, name, opening);
      return;
    }
    try {
      await this.#openNamed(outlet, name, opening);
    } catch (error) {
      const abroad = this.#options.abroad();
      if (abroad === null || !(error instanceof OwnedElsewhere)) throw error;
      const { one, op, topic, entry } = opening;
      checkOpen(entry, one);
      const { found = null } = opening;
      if (one !== null) {
        one.identity ??= found;
        abroad.attach(one, error.bootId);
      } else await abroad.begin({ outlet, op, topic, identity: found }, error.bootId);
    }
  }

  /** Of a session of another node: only beside one of this node, which coordinates as long as it has some. */
  async #openGuest(outlet: Outlet, name: string, opening: Opening): Promise<void> {
    const { delivery, onTakeOver } = this.#options;
    const { topic, op } = opening;
    const tracker = delivery.held(topic.id, name);
    if (tracker !== undefined && op.options.exclusive) {
      // It is to coordinate itself what it has for itself.
      for (const other of [...tracker.subscriptions]) onTakeOver(other);
      await delivery.saved();
    } else if (tracker !== undefined && hasLocals(tracker)) {
      await this.#openNamed(outlet, name, opening);
      return;
    } else await delivery.disown(topic, name);
    throw new RequestError('busy', 'this node does not coordinate it', 'subscription');
  }

  /** Throws when its session has ended meanwhile, its topic has gone, or the log is another one. */
  #checkWanted({ entry, topic, epoch, one }: Opening): void {
    checkOpen(entry, one);
    if (this.#options.topics.byNo(topic.no) !== topic) throw topicNotFound();
    checkEpoch(topic, epoch);
  }

  async #openEphemeral(outlet: Outlet, opening: Opening): Promise<void> {
    const { topic, op } = opening;
    const answer =
      op.options.start.from === 'time'
        ? await this.#inTurn(opening, () => this.#start(opening))
        : await this.#start(opening);
    this.#checkWanted(opening);
    const { clock, limits } = this.#options;
    const tracker =
      op.options.ack === 'none'
        ? null
        : new TrackerOf({
            topic,
            durable: null,
            rule: this.#settings(op),
            ordering: op.options.ordering,
            parkedMax: limits.parkedMax,
            random: clock.random,
            ackFloor: answer.cursor,
          });
    this.#attach(outlet, opening, tracker, answer);
  }

  /** One that somebody has open needs nothing of the log. */
  #openNamed(outlet: Outlet, name: string, opening: Opening): Promise<void> {
    const isHeld = this.#options.delivery.held(opening.topic.id, name) !== undefined;
    const open = (): Promise<void> => this.#openDurable(outlet, name, opening);
    return isHeld ? open() : this.#inTurn(opening, open);
  }

  /** What waits for its turn may have become pointless by then. */
  #inTurn<T>(opening: Opening, ask: () => Promise<T>): Promise<T> {
    return this.#options.turns.run(opening.entry.key, () => {
      this.#checkWanted(opening);
      return ask();
    });
  }

  /** `start` and the settings count when it is made; later it goes on from its cursor. */
  async #openDurable(outlet: Outlet, name: string, opening: Opening): Promise<void> {
    const { log, delivery } = this.#options;
    const { topic, op, record, one } = opening;
    const { exclusive } = op.options;
    const held = delivery.held(topic.id, name)?.durable;
    const found = held ?? (await log.subscriptions.find(topic.id, name));
    opening.found = found;
    this.#checkWanted(opening);
    const isFollowed = one !== null && !one.isUnanswered;
    if (isFollowed) mustBeOf(one, found);
    const answer = found === null ? await this.#start(opening) : null;
    this.#checkWanted(opening);
    const settings = { ...this.#settings(op), ordering: op.options.ordering };
    const cursor = answer?.cursor ?? Math.max(topic.head, record.lastSequence);
    const initial = isFollowed ? null : { settings, cursor };
    await delivery.use({ topic, name }, initial, async (tracker) => {
      this.#checkWanted(opening);
      if (isFollowed) mustBeOf(one, tracker.durable);
      if (tracker.state === 'ended') {
        throw new RequestError('busy', 'the subscription is being taken over', 'subscription');
      }
      if (outlet.kind === 'peer' && !hasLocals(tracker)) {
        throw new RequestError('busy', 'this node lets it go', 'subscription');
      }
      if (exclusive) this.#takeOver(tracker);
      else if (tracker.exclusive !== null) {
        const detail = 'a session has this subscription to itself; "exclusive" takes it over';
        throw new RequestError('subscription_in_use', detail, 'subscription');
      }
      this.#attach(outlet, opening, tracker, answer ?? goOn(tracker, topic, record));
    });
  }

  #takeOver(tracker: Tracker): void {
    for (const other of [...tracker.subscriptions]) this.#options.onTakeOver(other);
  }

  #attach(
    outlet: Outlet,
    { topic, record, op, entry, one }: Opening,
    tracker: Tracker | null,
    answer: StartAnswer,
  ): void {
    const { limits, origin, delivery } = this.#options;
    const subscription = new Subscription({
      outlet,
      session: op.session,
      number: op.subscription,
      topic,
      encoding: op.encoding,
      ack: op.options.ack,
      maxInFlight: op.options.maxInFlight,
      inFlightMaxDefault: limits.inFlightMax,
      tracker,
      origin,
      ...(op.options.name === null ? {} : { asked: op }),
      wanted: one?.wanted ?? op.options.wanted,
      company: op.options.alone === true ? 'alone' : 'any',
      delivered: tracker?.cursor.delivered ?? answer.cursor,
    });
    const head = Math.max(topic.head, record.lastSequence);
    const before = op.options.attached ?? one?.session ?? null;
    const isBehind = op.options.name !== null || op.options.start.from !== 'latest';
    if (isBehind && before?.isCaughtUp !== true) subscription.caughtUpAt = head;
    if (tracker !== null && op.options.exclusive) tracker.exclusive = subscription;
    topic.remember(subscription);
    entry.subscriptions.add(subscription);
    if (one === null || one.isUnanswered) {
      tellSubscribed(subscription, op.request, { ...answer, head });
    } else if (answer.gap !== null) {
      tellGoneOn(subscription, head, answer.gap);
    }
    const lateOnes = one?.late.splice(0) ?? [];
    if (one !== null) this.#comeHome(subscription, one);
    delivery.open(subscription, entry, before);
    for (const late of lateOnes) {
      const { no: topicNo } = topic;
      if (late.ack !== null) delivery.ack(outlet, { ...late.ack, topicNo });
      else delivery.verdict(outlet, { ...late.verdict, topicNo });
    }
  }

  /** It was known as one that another node coordinates. */
  #comeHome(subscription: Subscription, one: AbroadSubscription): void {
    subscription.round = one.round;
    subscription.cameHome(one.held, one.ids);
    if (one.isRefused) subscription.state = 'refused';
    this.#options.abroad()?.forget(one);
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
    const { epoch } = topic;
    const record = await this.#options.heads.read(topic.id);
    if (record?.key !== topic.key) throw topicNotFound();
    const position = await this.#position(topic, record, asked);
    checkEpoch(topic, epoch);
    return position;
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
    const { id: topicId, epoch } = topic;
    const common = await this.#common(topic, start);
    return startPosition({ start, topicId, epoch, common, firstSequence, head });
  }

  /** What the epoch that is asked for has in common with this one. */
  async #common(
    { id: topicId, epoch: current }: Topic,
    start: Parameters<typeof startPosition>[0]['start'],
  ): Promise<number | null> {
    const epoch = start.from === 'sequence' ? start.epoch : null;
    if (epoch === null || epoch === current) return Number.POSITIVE_INFINITY;
    const [common = null] = await this.#options.log.commonUpTo([{ topicId, epoch }]);
    return common;
  }

  /** Of a session of another node the worker there has made it, or nobody does. */
  async #findOrCreate(entry: SessionEntry, { outlet, op }: Request): Promise<Topic> {
    const found = await this.#options.topics.find(op.topic);
    if (found !== null) return found;
    checkOpen(entry, null);
    if (!op.options.create || outlet.kind === 'peer') throw topicNotFound();
    const { log, topics, turns, limits } = this.#options;
    if (!this.#made.take(entry.key)) throw tooManyMade(limits.topicsMadePerMinuteMax);
    return turns.run(entry.key, async () => {
      checkOpen(entry, null);
      const { topic, created } = await log.createTopic(op.topic, null);
      if (created) {
        outlet.topicMade(op.request);
        topics.happened(ofTopic('topic.created', op.topic));
      }
      return topics.met(topic);
    });
  }

  async #resolveStart(
    topic: Topic,
    start: SubscribeOptions['start'],
  ): Promise<Parameters<typeof startPosition>[0]['start']> {
    if (start.from !== 'time') return start;
    const sequence = await this.#options.log.sequenceAt(topic.id, start.timeMs);
    return { from: 'sequence', sequence: Math.min(sequence, topic.head + 1), epoch: null };
  }
}

function checkOpen(entry: SessionEntry, one: AbroadSubscription | null): void {
  if (entry.state === 'ended' || one?.state === 'ended') throw sessionGone();
}

/** What a session goes on with is what it had: another of that name, made since, is not its own. */
function mustBeOf({ identity }: AbroadSubscription, found: DurableIdentity | null): void {
  if (found === null || !isSameDurable(found, identity ?? found)) throw noSubscription();
}

function hasLocals({ subscriptions, hasGuestsOnly }: Tracker): boolean {
  return subscriptions.size > 0 && !hasGuestsOnly;
}

/** What the log said before it became another one says nothing of where anything is in it now. */
function checkEpoch(topic: Topic, epoch: string): void {
  if (topic.epoch === epoch) return;
  throw new RequestError('log_unavailable', 'the log was replaced meanwhile; try again');
}

/** Nobody reads it; it gives back what the acceptor keeps for the answer. */
export function sessionGone(): RequestError {
  return new RequestError('subscription_gone', 'the session has ended');
}

function topicNotFound(): RequestError {
  return new RequestError('topic_not_found', 'topic not found', 'topic');
}

function tooManyMade(max: number): RequestError {
  const detail = `a session makes at most ${max} topics a minute (TOPICS_MADE_PER_MINUTE_MAX)`;
  return new RequestError('topic_rate', detail, 'topic');
}
