/**
 * The session of one webhook: a receiver like a WebSocket session, whose socket is requests to an HTTP
 * endpoint, as many at once as its concurrency says. It tells its worker that it takes as many messages as
 * it has room for, sends each by itself, and says of it what the answer comes to.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../core/clock.js';
import type { CloseReason } from '../../core/errors.js';
import type { Principal } from '../../core/principal.js';
import type { WebhookRecord } from '../../core/webhook-record.js';
import type { ServerFrame } from '../../wire/server-frame-types.js';
import { AskingReceiver } from '../delivery/asking-receiver.js';
import { sendWant } from '../delivery/delivery-reports.js';
import { splitFrames } from '../delivery/publish-log.js';
import type { Receiver, ReceiverSubscription } from '../delivery/receiver.js';
import { KIND_WEBHOOK } from '../delivery/receiver-kind.js';
import type { Endpoint } from './endpoint.js';
import { GatheredVerdicts } from './gathered-verdicts.js';
import { type HookMessage, hookMessage } from './hook-message.js';
import type { Outcome } from './outcome.js';
import { signedHeaders } from './signed-headers.js';

/** Without the lease. */
const AGAIN_MS = 50;

/** Why it has ended; `deleted`: its subscription or its topic was. */
export type WebhookEnd = 'closed' | 'deleted' | 'gone' | 'lost';

export interface WebhookSessionOptions {
  number: number;
  principal: Principal;
  webhook: WebhookRecord;
  endpoint: Pick<Endpoint, 'post' | 'close'>;
  clock: Clock;
  /** Whether this node is still the one that is to send. */
  holds: () => boolean;
  /** What each request came to. */
  onOutcome: (outcome: Outcome, ms: number) => void;
  /** A fault of ours in sending; it is to be ended. */
  onFault: (error: unknown) => void;
  /** It has ended, and is to be forgotten. */
  onEnded: (session: WebhookSession, why: WebhookEnd) => void;
}

export class WebhookSession extends AskingReceiver implements Receiver {
  readonly number: number;
  readonly kind = KIND_WEBHOOK;
  readonly principal: Principal;
  readonly address = '';
  readonly webhook: WebhookRecord;
  readonly #options: WebhookSessionOptions;
  /** closing: nothing more is taken, and it ends when nothing is under way. */
  #state: 'opening' | 'open' | 'closing' | 'ended' = 'opening';
  #why: WebhookEnd = 'closed';
  #underWay = 0;
  readonly #verdicts: GatheredVerdicts;

  constructor(options: WebhookSessionOptions) {
    super();
    this.#options = options;
    this.number = options.number;
    this.principal = options.principal;
    this.webhook = options.webhook;
    this.#verdicts = new GatheredVerdicts(options.number, () => this.#say());
  }

  /** Its subscription is open. */
  opened(subscription: ReceiverSubscription): void {
    if (this.#state !== 'opening') return;
    this.#state = 'open';
    this.connectedAtMs = this.#options.clock.now();
    this.resumed(subscription);
  }

  /** Nothing more is sent; it ends once what is under way was answered. */
  close(why: WebhookEnd): void {
    if (this.#state === 'closing' || this.#state === 'ended') return;
    this.#state = 'closing';
    this.#why = why;
    if (this.#underWay === 0) this.end(why);
  }

  /** At once: what is under way is given to whoever has the subscription then. */
  end(why: WebhookEnd): void {
    if (this.#state === 'ended') return;
    // What is known by now, nobody has to be sent again.
    this.#verdicts.say(this.subscription);
    this.#verdicts.close();
    this.#state = 'ended';
    this.#options.endpoint.close();
    this.#options.onEnded(this, why);
  }

  get isGone(): boolean {
    return this.#state === 'ended';
  }

  giveMessages(frames: Uint8Array): number {
    let taken = 0;
    for (const frame of splitFrames(frames)) {
      if (this.#state !== 'open' || this.#room <= 0) return taken;
      this.#underWay++;
      taken++;
      // The operation's memory is its link's.
      const message = hookMessage(frame.slice(), this.webhook);
      this.#send(message).catch(this.#options.onFault);
    }
    return Number.POSITIVE_INFINITY;
  }

  dry(): void {
    // It waits for whatever comes.
  }

  resumed(subscription: ReceiverSubscription): void {
    const room = this.#room;
    if (this.#state === 'open' && room > 0) sendWant(subscription, room);
  }

  sendFrame(frame: ServerFrame): void {
    if (frame.type !== 'unsubscribed') return;
    const { reason } = frame;
    const isDeleted = reason === 'topic_deleted' || reason === 'subscription_deleted';
    this.end(isDeleted ? 'deleted' : 'lost');
  }

  dismiss(_why: CloseReason): void {
    this.end('lost');
  }

  topicDeleted(): void {
    this.end('deleted');
  }

  broken(): void {
    this.end('lost');
  }

  async #send(message: HookMessage): Promise<void> {
    const { clock, endpoint, holds, onOutcome } = this.#options;
    if (!holds()) {
      await delay(AGAIN_MS);
      this.#settle(message, 'return');
      return;
    }
    const beganAtMs = clock.monotonic();
    const headers = signedHeaders(this.webhook, message, clock.now());
    const outcome = await endpoint.post(headers, message.body);
    if (this.isGone) return;
    onOutcome(outcome, clock.monotonic() - beganAtMs);
    if (outcome.what === 'gone') this.close('gone');
    this.#settle(message, outcome.what === 'gone' ? 'return' : outcome);
  }

  /** A message has its place until its verdict is on its way. */
  get #room(): number {
    return this.webhook.concurrency - this.#underWay - this.#verdicts.count;
  }

  #settle({ sequence }: HookMessage, said: Outcome | 'return'): void {
    if (this.isGone) return;
    this.#underWay--;
    this.#verdicts.add({ sequence, said }, this.#underWay);
  }

  #say(): void {
    if (this.isGone) return;
    const { subscription } = this;
    const said = this.#verdicts.say(subscription);
    const isOver = this.#underWay === 0 && this.#verdicts.count === 0;
    if (this.#state === 'closing' && isOver) this.end(this.#why);
    else if (this.#state === 'open' && subscription !== null && said > 0) {
      sendWant(subscription, said);
    }
  }
}
