/**
 * The control requests about durable subscriptions: change, delete, seek, pause, resume, and what is known of
 * those that are open here. What a subscription that nobody has open is asked to do, it is taken from the
 * store for.
 */
import type { Clock } from '../../core/clock.js';
import { RequestError } from '../../core/errors.js';
import { type SubscriptionStanding, summaryOf } from '../../core/subscription-record.js';
import type { TopicKey } from '../../core/topic-key.js';
import type { MessageLog } from '../../log/contract/message-log.js';
import { OwnedElsewhere } from '../../log/contract/subscription-store.js';
import type { CallArgs, CallHandlers, CallResult, WorkerCall } from '../../thread/calls.js';
import { UNSUBSCRIBED_DELETED } from '../../thread/ops/subscribe.js';
import type { Delivery } from '../delivery/delivery.js';
import type { PublishUnderWay } from '../log/publishes.js';
import type { Peers } from '../peers/peers.js';
import type { Topic, Tracker } from '../state/subscription.js';
import type { Topics } from '../state/topics.js';
import type { SubscriptionRequests } from '../subscriptions/subscription-requests.js';

export interface SubscriptionCallsOptions {
  log: MessageLog<PublishUnderWay>;
  topics: Topics;
  delivery: Delivery;
  subscribing: SubscriptionRequests;
  clock: Clock;
  /** Null: there is no link to other nodes. */
  peers: () => Pick<Peers, 'abroad' | 'calls'> | null;
}

export type SubscriptionHandlers = CallHandlers<
  Exclude<
    Extract<WorkerCall, `subscription.${string}`>,
    'subscription.settle' | 'subscription.held'
  >
>;

type Changed = CallResult<'subscription.patch'>;
/** They answer it. */
type ChangeCall = `subscription.${'patch' | 'seek' | 'pause' | 'resume'}`;

export class SubscriptionCalls {
  readonly #options: SubscriptionCallsOptions;

  constructor(options: SubscriptionCallsOptions) {
    this.#options = options;
  }

  readonly handlers: SubscriptionHandlers = {
    'subscription.flush': () => this.#flush(),
    'subscription.flush-all': () => this.#flush(),
    'subscription.live': async ({ of }) => ({
      standings: await Promise.all(of.map((one) => this.#live(one))),
    }),
    'subscription.patch': (args) => this.#orThere('subscription.patch', args, this.#patch(args)),
    'subscription.delete': (args) => this.#delete(args),
    'subscription.seek': (args) => this.#orThere('subscription.seek', args, this.#seek(args)),
    'subscription.pause': (args) => {
      const paused = this.#change(args, async (one) => this.#options.delivery.pause(one));
      return this.#orThere('subscription.pause', args, paused);
    },
    'subscription.resume': (args) => {
      const resumed = this.#change(args, async (one) => this.#options.delivery.resume(one));
      return this.#orThere('subscription.resume', args, resumed);
    },
  };

  /** What another node coordinates is changed there. */
  async #orThere<M extends ChangeCall>(
    method: M,
    args: CallArgs<M>,
    changed: Promise<Changed>,
  ): Promise<CallResult<M>> {
    try {
      return await changed;
    } catch (error) {
      const peers = this.#options.peers();
      if (peers === null || !(error instanceof OwnedElsewhere)) throw error;
      return peers.calls.call({ bootId: error.bootId, key: args.key }, method, args);
    }
  }

  async #flush(): Promise<CallResult<'subscription.flush'>> {
    await this.#options.delivery.saved();
    return {};
  }

  #patch(args: CallArgs<'subscription.patch'>): Promise<Changed> {
    return this.#change(args, async ({ cursor }) => {
      const { rule } = cursor;
      cursor.rule = {
        ackWaitMs: args.ackWaitMs ?? rule.ackWaitMs,
        maxDeliver: args.maxDeliver ?? rule.maxDeliver,
      };
    });
  }

  async #delete({
    key,
    subscription,
  }: CallArgs<'subscription.delete'>): Promise<CallResult<'subscription.delete'>> {
    const { log, delivery, subscribing } = this.#options;
    const topic = await this.#topic(key);
    const deleted = await log.subscriptions.delete(topic.id, subscription);
    const tracker = delivery.held(topic.id, subscription);
    if (tracker !== undefined) subscribing.trackerLost(tracker, UNSUBSCRIBED_DELETED);
    return { deleted };
  }

  #seek(args: CallArgs<'subscription.seek'>): Promise<Changed> {
    const { delivery, subscribing } = this.#options;
    return this.#change(args, async (tracker) => {
      const position = await subscribing.openings.position(tracker.topic, args.start);
      delivery.seek(tracker, position.cursor);
    });
  }

  /** Takes it, changes it, and answers once that is stored. */
  async #change(
    { key, subscription }: CallArgs<'subscription.pause'>,
    change: (tracker: Tracker) => Promise<void>,
  ): Promise<Changed> {
    const { log, delivery } = this.#options;
    const topic = await this.#topic(key);
    const record = await log.subscriptions.find(topic.id, subscription);
    if (record === null) return { subscription: null };
    return delivery.use({ topic, name: subscription }, null, async (tracker) => {
      await change(tracker);
      mustBeHeld(tracker);
      tracker.cursor.changes.moved = true;
      delivery.changed(tracker);
      await delivery.saved();
      mustBeHeld(tracker);
      const heads = await log.heads([topic.id]);
      const head = heads.get(topic.id)?.lastSequence ?? topic.head;
      return { subscription: { ...summaryOf(record, head), ...this.#standing(tracker) } };
    });
  }

  async #topic(key: TopicKey): Promise<Topic> {
    const topic = await this.#options.topics.find(key);
    if (topic !== null) return topic;
    throw new RequestError('topic_not_found', 'topic not found', 'topic');
  }

  /** null: it is not open here, and the store knows all of it. */
  async #live({
    topicId,
    name,
    at,
  }: CallArgs<'subscription.live'>['of'][number]): Promise<SubscriptionStanding | null> {
    const tracker = this.#options.delivery.held(topicId, name);
    if (tracker !== undefined) return this.#standing(tracker);
    const peers = this.#options.peers();
    const one = peers?.abroad.named(topicId, name);
    const there = one?.worker == null ? at : { ...one.worker.address, key: one.op.topic };
    if (there === undefined) return null;
    const to = { bootId: there.bootId, key: there.key };
    const asked = peers?.calls.call(to, 'subscription.live', { of: [{ topicId, name }] });
    // Whoever coordinates it cannot be asked: the store has what was saved.
    const answer = await asked?.catch(() => null);
    return answer?.standings[0] ?? null;
  }

  #standing(tracker: Tracker): SubscriptionStanding {
    const nowMs = this.#options.clock.monotonic();
    tracker.sync(nowMs);
    const { cursor, state } = tracker;
    const sentAtMs = tracker.oldestSentAtMs();
    return {
      settings: { ...cursor.rule, ordering: cursor.ordering },
      paused: state === 'paused',
      ackFloor: cursor.floor,
      delivered: cursor.delivered,
      inFlight: cursor.inFlight,
      parked: cursor.parked,
      oldestUnackedMs: sentAtMs === null ? null : Math.max(0, Math.round(nowMs - sentAtMs)),
      sessions: tracker.subscriptions.size,
    };
  }
}

/** Asked after each wait: what another has by now is not changed here. */
function mustBeHeld({ state }: Tracker): void {
  if (state !== 'ended') return;
  throw new RequestError('busy', 'the subscription was taken over meanwhile', 'subscription');
}
