/**
 * The subscriptions of a session: opened on each of its connections, found by what frames name. There is one
 * of a topic: a message of several that were fanned out together does not say which subscription it is of.
 */
import type { ErrorFrame, MessageFrame, ServerFrame } from '../wire/server-frame-types.js';
import type { Answers } from './answers.js';
import { ConduitError } from './conduit-error.js';
import type { Connection } from './connection.js';
import type { HostedSubscription, SubscriptionHost } from './hosted-subscription.js';
import { type RetryDelays, retryDelayMs } from './retry-delay.js';
import { nextTurn } from './turn.js';

export interface SessionSubscriptionsOptions {
  /** The open one; null: there is none. */
  connection: () => Connection | null;
  answers: Answers;
  delays: RetryDelays;
  /** Something that is gone on after. */
  tell: (error: ConduitError) => void;
  /** The last subscription is gone. */
  emptied: () => void;
}

export class SessionSubscriptions implements SubscriptionHost {
  readonly #options: SessionSubscriptionsOptions;
  readonly #all = new Map<string, HostedSubscription>();
  readonly #toAck = new Set<HostedSubscription>();
  #acks: 'none' | 'wait' = 'none';
  /** Of the last message. */
  #last: HostedSubscription | undefined;

  constructor(options: SessionSubscriptionsOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#all.size === 0;
  }

  has(topic: string): boolean {
    return this.#all.has(topic);
  }

  add(subscription: HostedSubscription): void {
    this.#all.set(subscription.topic, subscription);
    this.#open(subscription, 0);
  }

  /** A connection is open: all are asked for. */
  opened(): void {
    for (const subscription of this.#all.values()) this.#open(subscription, 0);
  }

  disconnected(): void {
    this.#toAck.clear();
    this.#last = undefined;
    for (const subscription of this.#all.values()) subscription.disconnected();
  }

  /** One that the node has confirmed on this connection. */
  find(topic: string): HostedSubscription | undefined {
    const subscription = this.#all.get(topic);
    return subscription?.state === 'active' ? subscription : undefined;
  }

  /** False: no node sends this. */
  received(frame: MessageFrame, atMs: number): boolean {
    const last = this.#last;
    const subscription = last?.topic === frame.topic ? last : this.find(frame.topic);
    // Of one that was left: its last messages were on their way.
    if (subscription === undefined) return true;
    this.#last = subscription;
    return subscription.receive(frame, atMs);
  }

  /** The node ended one. */
  gone(topic: string, reason = 'closed'): void {
    const subscription = this.find(topic);
    if (subscription === undefined) return;
    const text = `the subscription to ${topic} has ended: ${reason}`;
    const error = new ConduitError(reason as ConduitError['code'], text);
    if (error.retryable) {
      subscription.disconnected();
      this.#open(subscription, 0);
    } else this.#end(subscription, error);
  }

  keepHeld(nowMs: number): void {
    for (const subscription of this.#all.values()) subscription.keepHeld(nowMs);
  }

  async drain(timeoutMs: number): Promise<void> {
    const all = [...this.#all.values()];
    await Promise.all(all.map((subscription) => subscription.drain(timeoutMs)));
  }

  /** What was acknowledged is said; all of them end. */
  close(failure: ConduitError | null): void {
    this.#flushAcks();
    for (const subscription of [...this.#all.values()]) subscription.closed(failure);
    this.#all.clear();
  }

  send(frame: object): void {
    this.#options.connection()?.send(frame);
  }

  ask(frame: object, answered: (answer: ServerFrame | null) => void): void {
    if (this.#options.connection() === null) answered(null);
    else this.send({ ...frame, ref: this.#options.answers.expect(answered) });
  }

  acksWait(subscription: HostedSubscription): void {
    this.#toAck.add(subscription);
    if (this.#acks === 'wait') return;
    this.#acks = 'wait';
    nextTurn(() => {
      this.#acks = 'none';
      this.#flushAcks();
    });
  }

  async leave(subscription: HostedSubscription): Promise<void> {
    if (!this.#isHere(subscription)) return;
    this.#remove(subscription);
    const { connection, answers, emptied } = this.#options;
    if (connection() !== null) {
      const { topic, subscription: name } = subscription;
      await new Promise((resolve) => {
        const ref = answers.expect(resolve);
        this.send({ type: 'unsubscribe', topic, subscription: name, ref });
      });
    }
    if (this.isEmpty) emptied();
  }

  tell(error: ConduitError): void {
    this.#options.tell(error);
  }

  #flushAcks(): void {
    for (const one of this.#toAck) one.flushAcks();
    this.#toAck.clear();
    this.#options.connection()?.flush();
  }

  #open(subscription: HostedSubscription, attempt: number): void {
    const connection = this.#options.connection();
    if (connection === null) return;
    const ref = this.#options.answers.expect((frame) => {
      if (frame === null || !this.#isHere(subscription)) return;
      if (frame.type === 'subscribed') subscription.subscribed(frame);
      else if (frame.type === 'error') this.#refused(subscription, { frame, attempt, connection });
    });
    connection.send(subscription.subscribeFrame(ref));
  }

  #refused(
    subscription: HostedSubscription,
    refused: { frame: ErrorFrame; attempt: number; connection: Connection },
  ): void {
    const { frame, attempt, connection } = refused;
    const error = errorOf(frame);
    if (!error.retryable) {
      this.#end(subscription, error);
      return;
    }
    this.tell(error);
    setTimeout(
      () => {
        const isSame = this.#options.connection() === connection;
        if (isSame && this.#isHere(subscription)) this.#open(subscription, attempt + 1);
      },
      retryDelayMs(attempt, this.#options.delays),
    );
  }

  #end(subscription: HostedSubscription, error: ConduitError): void {
    this.#remove(subscription);
    subscription.closed(error);
    if (this.isEmpty) this.#options.emptied();
  }

  #remove(subscription: HostedSubscription): void {
    this.#all.delete(subscription.topic);
    this.#toAck.delete(subscription);
    this.#last = undefined;
  }

  #isHere(subscription: HostedSubscription): boolean {
    return this.#all.get(subscription.topic) === subscription;
  }
}

export function errorOf({ code, message }: ErrorFrame): ConduitError {
  return new ConduitError(code, message);
}
