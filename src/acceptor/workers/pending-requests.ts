/**
 * Requests to topic workers that wait for their answers, by request number. Numbers are reused as soon
 * as they are free; 0 is never given.
 */
import type { AcceptorLinkEnd } from '../../thread/link.js';
import type { ReplyOp } from '../../thread/ops/call.js';
import type { FailedOp } from '../../thread/ops/failed.js';
import type { DeferredOp, PublishedOp } from '../../thread/ops/publish.js';
import type { SubscribedOp, UnsubscribedOp } from '../../thread/ops/subscribe.js';
import type { Subject } from '../http/guard.js';

/** Whoever waits. Exactly one of the answers is called, once; `broken` when that one throws. */
export abstract class PendingRequest implements Subject {
  readonly link: AcceptorLinkEnd;
  /** Publish credit that its answer gives back; -1 for what is no publish. */
  readonly creditBytes: number;

  constructor(link: AcceptorLinkEnd, creditBytes: number) {
    this.link = link;
    this.creditBytes = creditBytes;
  }

  /** Whether somebody still waits for its answer. */
  get isOwed(): boolean {
    return true;
  }

  abstract failed(op: Pick<FailedOp, 'code' | 'detail' | 'field'>): void;

  abstract broken(): void;

  published(_op: PublishedOp): void {
    this.#unexpected('PUBLISHED');
  }

  deferred(_op: DeferredOp): void {
    this.#unexpected('DEFERRED');
  }

  reply(_op: ReplyOp): void {
    this.#unexpected('REPLY');
  }

  /** Its answer is still to come. */
  topicMade(): void {
    this.#unexpected('TOPIC_MADE');
  }

  subscribed(_op: SubscribedOp): void {
    this.#unexpected('SUBSCRIBED');
  }

  unsubscribed(_op: UnsubscribedOp): void {
    this.#unexpected('UNSUBSCRIBED');
  }

  acked(): void {
    this.#unexpected('ACKED');
  }

  #unexpected(answer: string): never {
    throw new Error(`${answer} for a ${this.constructor.name}`);
  }
}

export class Requests {
  readonly #slots: (PendingRequest | undefined)[] = [undefined];
  readonly #free: number[] = [];

  /** How many wait. */
  get size(): number {
    return this.#slots.length - 1 - this.#free.length;
  }

  /** Those who still wait: a control request that timed out was answered, and keeps its number. */
  owed(): Set<PendingRequest> {
    return new Set(this.#slots.filter((one): one is PendingRequest => one?.isOwed === true));
  }

  owedPublishes(): number {
    return [...this.owed()].filter(({ creditBytes }) => creditBytes >= 0).length;
  }

  add(waiting: PendingRequest): number {
    const request = this.#free.pop();
    if (request === undefined) return this.#slots.push(waiting) - 1;
    this.#slots[request] = waiting;
    return request;
  }

  /** Whoever waits under this number goes on waiting. */
  waitingFor(request: number): PendingRequest | undefined {
    return this.#slots[request];
  }

  /** Takes it out, with its publish credit; undefined for a number that nobody waits under. */
  take(request: number): PendingRequest | undefined {
    const waiting = this.#slots[request];
    if (waiting === undefined) return undefined;
    this.#slots[request] = undefined;
    this.#free.push(request);
    if (waiting.creditBytes >= 0) waiting.link.returnPublishCredit(waiting.creditBytes);
    return waiting;
  }

  /** Takes out all that wait for this link. */
  takeAll(link: AcceptorLinkEnd): PendingRequest[] {
    const taken: PendingRequest[] = [];
    this.#slots.forEach((waiting, request) => {
      if (waiting?.link !== link) return;
      this.take(request);
      taken.push(waiting);
    });
    return taken;
  }
}
