/**
 * What is said of deliveries by their tokens, and who still holds some: asked of whoever coordinates the
 * subscription, which may be a worker of another node.
 */
import { RequestError } from '../../core/errors.js';
import { OwnedElsewhere } from '../../log/contract/subscription-store.js';
import type { CallArgs, CallHandlers, CallResult } from '../../thread/calls.js';
import type { AbroadSubscription } from '../peers/abroad-subscription.js';
import type { Topic, Tracker } from '../state/subscription.js';
import type { SubscriptionCallsOptions } from './subscription-calls.js';

export type TokenCall = 'subscription.settle' | 'subscription.held';

type SettleArgs = CallArgs<'subscription.settle'>;
type Settled = CallResult<'subscription.settle'>;

export type TokenCallsOptions = Pick<
  SubscriptionCallsOptions,
  'log' | 'topics' | 'delivery' | 'peers'
>;

export class TokenCalls {
  readonly #options: TokenCallsOptions;

  constructor(options: TokenCallsOptions) {
    this.#options = options;
  }

  readonly handlers: CallHandlers<TokenCall> = {
    'subscription.settle': (args) => this.#settle(args),
    'subscription.held': async (args) => ({ held: await this.#held(args) }),
  };

  async #settle(args: SettleArgs): Promise<Settled> {
    const { topics, delivery } = this.#options;
    const { key, subscription: name } = args;
    const topic = await topics.find(key);
    if (topic === null) throw new RequestError('topic_not_found', 'topic not found', 'topic');
    const tracker = delivery.held(topic.id, name);
    if (tracker !== undefined) return this.#settleHere(tracker, args);
    const one = this.#options.peers()?.abroad.named(topic.id, name);
    if (one?.worker == null) return this.#settleWherever(topic, args);
    const settled = await this.#settleThere(one.worker.address.bootId, args);
    // Not before it is: until then it is held, and told so to whoever coordinates next.
    if (args.verdict !== 'extend') {
      for (const { sequence } of args.of) one.held.settled(sequence);
    }
    return settled;
  }

  /** Nobody of this node has it open. */
  async #settleWherever(topic: Topic, args: SettleArgs): Promise<Settled> {
    const { log, delivery, peers } = this.#options;
    const { subscription: name } = args;
    const record = await log.subscriptions.find(topic.id, name);
    if (record === null) throw notFound();
    // Without a link between nodes it is of the node that was asked last: an ack must not make it this one.
    if (peers() === null && log.mode === 'postgres') return { unknown: args.of.map((_, n) => n) };
    const initial = { settings: record.settings, cursor: record.delivered };
    try {
      return await delivery.use({ topic, name }, initial, (one) => this.#settleHere(one, args));
    } catch (error) {
      if (!(error instanceof OwnedElsewhere)) throw error;
      return this.#settleThere(error.bootId, args);
    }
  }

  async #settleHere(tracker: Tracker, { verdict, of, ms, reason }: SettleArgs): Promise<Settled> {
    const { delivery } = this.#options;
    const { epoch } = tracker.topic;
    // What is of another log is none of these.
    const verdicts = of.map((one) => {
      const sequence = one.epoch === epoch ? one.sequence : Number.POSITIVE_INFINITY;
      return { verdict, sequence, attempt: one.attempt, ms, reason };
    });
    const unknown = delivery.takeHanded(tracker, verdicts);
    if (verdict !== 'extend' && unknown.length < of.length) await delivery.saved();
    if (tracker.state !== 'ended') return { unknown };
    throw new RequestError('busy', 'the subscription was taken over meanwhile', 'subscription');
  }

  async #settleThere(bootId: string, args: SettleArgs): Promise<Settled> {
    const { peers } = this.#options;
    const asked = peers()?.calls.call({ bootId, key: args.key }, 'subscription.settle', args);
    return (await asked) ?? { unknown: args.of.map((_, n) => n) };
  }

  async #held({ key, subscription: name, by }: CallArgs<'subscription.held'>): Promise<number> {
    const { topics, delivery, peers } = this.#options;
    const topic = topics.known(key);
    if (topic === undefined) return 0;
    if ('session' in by) {
      const those = delivery.held(topic.id, name)?.subscriptions ?? [];
      const one = [...those].find(({ sessionName }) => sessionName === by.session);
      return one?.inFlight ?? 0;
    }
    const one = topic.subscriptionOf({ number: by.acceptor }, by.number);
    if (one !== undefined) return one.inFlight;
    const abroad = peers()?.abroad.of({ number: by.acceptor }, by.number);
    return abroad === undefined ? 0 : this.#heldAbroad(abroad, name);
  }

  /** Some may have been settled by way of other nodes. */
  async #heldAbroad({ worker, op, sessionName, held }: AbroadSubscription, name: string) {
    if (worker === null || held.list.length === 0) return held.list.length;
    const { bootId } = worker.address;
    const args = { key: op.topic, subscription: name, by: { session: sessionName } };
    const asked = this.#options
      .peers()
      ?.calls.call({ bootId, key: op.topic }, 'subscription.held', args);
    return (await asked)?.held ?? held.list.length;
  }
}

function notFound(): RequestError {
  const detail = 'the topic has no durable subscription of this name';
  return new RequestError('subscription_not_found', detail, 'subscription');
}
