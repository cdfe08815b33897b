/**
 * The session of those who pull from one durable subscription with one API key, by way of this acceptor: a
 * receiver like a WebSocket session, whose socket is the requests that wait. It tells its worker how many
 * messages they want, hands each what comes, in the order they came in, and gives back what reached nobody.
 */
import type { Clock } from '../../core/clock.js';
import {
  CLOSE,
  type CloseReason,
  ERRORS,
  type ErrorCode,
  RequestError,
} from '../../core/errors.js';
import type { Principal } from '../../core/principal.js';
import { packVerdict, VERDICT_RETURN } from '../../thread/ops/acknowledge.js';
import type { GapView, ServerFrame } from '../../wire/server-frame-types.js';
import { AskingReceiver } from '../delivery/asking-receiver.js';
import { sendWant } from '../delivery/delivery-reports.js';
import { splitFrames } from '../delivery/publish-log.js';
import type { Receiver, ReceiverSubscription } from '../delivery/receiver.js';
import { KIND_PULL } from '../delivery/receiver-kind.js';
import { faultOfOurs } from '../http/exchange.js';
import type { Pull } from './pull.js';

export interface PullerOptions {
  number: number;
  principal: Principal;
  /** Of who came first. */
  address: string;
  topic: string;
  name: string;
  clock: Clock;
  /** It has ended, and is to be forgotten. */
  onEnded: (puller: Puller) => void;
  /** One of its pulls was answered, or has gone. */
  onOver: (puller: Puller) => void;
}

export class Puller extends AskingReceiver implements Receiver {
  readonly number: number;
  readonly kind = KIND_PULL;
  readonly principal: Principal;
  readonly address: string;
  readonly topic: string;
  readonly name: string;
  /** Monotonic ms of when somebody last pulled, or it was last found to hold something. */
  usedAtMs: number;
  readonly #options: PullerOptions;
  readonly #waiting = new Set<Pull>();
  #state: 'opening' | 'open' | 'ended' = 'opening';
  /** Told with the next answer. */
  #gap: GapView | null = null;

  constructor(options: PullerOptions) {
    super();
    this.#options = options;
    this.number = options.number;
    this.principal = options.principal;
    this.address = options.address;
    this.topic = options.topic;
    this.name = options.name;
    this.usedAtMs = options.clock.monotonic();
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** With the next answer. */
  tellGap(gap: GapView): void {
    this.#gap = gap;
  }

  /** Its subscription is open. */
  opened(subscription: ReceiverSubscription): void {
    this.#state = 'open';
    this.connectedAtMs = this.#options.clock.now();
    this.resumed(subscription);
  }

  ask(pull: Pull): void {
    this.usedAtMs = this.#options.clock.monotonic();
    this.#waiting.add(pull);
    pull.exchange.onGone = () => this.#gone(pull);
    this.#want(pull.left);
  }

  /** It may be due. */
  look(pull: Pull): void {
    if (this.#waiting.has(pull) && pull.isDue) this.#answer(pull);
  }

  /** All are answered with what they have. */
  answerAll(): void {
    for (const pull of [...this.#waiting]) this.#answer(pull);
  }

  /** It could not be opened, or has lost its subscription. */
  fail(error: RequestError): void {
    for (const pull of this.#takeAll()) {
      // What it was given is of no use to it any more, or to anybody.
      pull.exchange.fail(error);
    }
    this.end();
  }

  end(): void {
    if (this.#state === 'ended') return;
    this.answerAll();
    this.#state = 'ended';
    this.#options.onEnded(this);
  }

  get isGone(): boolean {
    return this.#state === 'ended';
  }

  giveMessages(frames: Uint8Array, { epoch }: ReceiverSubscription): number {
    if (this.isGone) return 0;
    let taken = 0;
    for (const frame of splitFrames(frames)) {
      if (!this.#take(frame, epoch)) return taken;
      taken++;
    }
    return Number.POSITIVE_INFINITY;
  }

  #take(frame: Uint8Array, epoch: string): boolean {
    for (const pull of [...this.#waiting]) {
      const isTaken = pull.take(frame, epoch);
      if (!isTaken || pull.isDue) this.#answer(pull);
      if (isTaken) return true;
    }
    return false;
  }

  dry(): void {
    for (const pull of [...this.#waiting]) {
      pull.isDry = true;
      this.look(pull);
    }
  }

  resumed(subscription: ReceiverSubscription): void {
    let wanted = 0;
    for (const pull of this.#waiting) wanted += pull.left;
    if (wanted > 0) sendWant(subscription, wanted);
  }

  sendFrame(frame: ServerFrame): void {
    if (frame.type === 'subscribed') this.#gap = frame.gap ?? null;
    if (frame.type === 'unsubscribed') this.fail(whyOf(frame.reason));
  }

  dismiss(why: CloseReason): void {
    if (why === CLOSE.dismissed) this.end();
    else this.fail(new RequestError('unauthorized', why.reason));
  }

  topicDeleted(): void {
    this.fail(new RequestError('topic_not_found', 'topic not found', 'topic'));
  }

  broken(): void {
    this.fail(faultOfOurs());
  }

  #answer(pull: Pull): void {
    this.#forget(pull);
    const gap = this.#gap;
    const isGiven = pull.answer(gap);
    if (isGiven) this.#gap = null;
    else this.#giveBack(pull);
  }

  /** Its client has gone: while it waited, or before it had read its answer. */
  #gone(pull: Pull): void {
    this.#forget(pull);
    this.#giveBack(pull);
  }

  #forget(pull: Pull): void {
    pull.over();
    if (!this.#waiting.delete(pull)) return;
    this.#want(-pull.left);
    this.#options.onOver(this);
  }

  #takeAll(): Pull[] {
    const all = [...this.#waiting];
    this.#waiting.clear();
    for (const pull of all) {
      pull.over();
      this.#options.onOver(this);
    }
    return all;
  }

  #want(messages: number): void {
    const subscription = this.subscription;
    if (subscription !== null && messages !== 0) sendWant(subscription, messages);
  }

  /** They are given to others at once; without credit for that, once their time is over. */
  #giveBack({ given }: Pull): void {
    const subscription = this.subscription;
    if (subscription === null) return;
    const { link, number, group } = subscription;
    const place = { session: this.number, subscription: number, topicNo: group.topicNo };
    for (const sequence of given) {
      if (!link.hasAckCredit) break;
      link.ackSent(null);
      const what = { verdict: VERDICT_RETURN, sequence, messageId: null, ms: null, reason: null };
      packVerdict(link.writer, { request: 0, ...place, ...what });
    }
    link.scheduleFlush();
  }
}

/** Why it has no subscription any more, as its pulls are answered. */
function whyOf(reason: string | undefined): RequestError {
  if (reason === 'topic_deleted') {
    return new RequestError('topic_not_found', 'topic not found', 'topic');
  }
  if (reason === 'subscription_deleted') {
    return new RequestError('subscription_not_found', 'it was deleted', 'subscription');
  }
  if (reason === 'taken_over') {
    const detail = 'another session, or another node, has taken it over';
    return new RequestError('subscription_in_use', detail, 'subscription');
  }
  const code = reason !== undefined && Object.hasOwn(ERRORS, reason) ? reason : 'busy';
  return new RequestError(code as ErrorCode, 'the subscription has ended', 'subscription');
}
