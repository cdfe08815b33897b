/**
 * The outlet to a worker of another node, whose sessions are attached to subscriptions here: as long as the
 * link to it is up. Another one follows when it is up again, as another acceptor would.
 */
import { type GivenMessage, type GiveOp, packHolds } from '../../thread/ops/give.js';
import { PackWriter } from '../../thread/packing/pack-writer.js';
import { PackedOutlet } from './packed-outlet.js';

export interface PeerOutletOptions {
  number: number;
  hasCredit: () => boolean;
  /** At the end of the turn, all that was packed in it. */
  write: (packed: ArrayBuffer) => void;
}

export class PeerOutlet extends PackedOutlet {
  readonly kind = 'peer';
  readonly number: number;
  protected readonly writer = new PackWriter();
  readonly #options: PeerOutletOptions;
  #state: 'open' | 'flushing' | 'closed' = 'open';

  constructor(options: PeerOutletOptions) {
    super();
    this.#options = options;
    this.number = options.number;
  }

  /** The link is not up any more: what is still packed for it goes nowhere. */
  close(): void {
    this.#state = 'closed';
    if (this.writer.ops > 0) this.writer.take();
  }

  get hasCredit(): boolean {
    return this.#state !== 'closed' && this.#options.hasCredit();
  }

  /** The link has credit by itself, for whatever is written to it. */
  creditReturned(): boolean {
    return false;
  }

  override give(op: GiveOp, deliveries: readonly GivenMessage[], term: number): void {
    packHolds(this.writer, { subscription: op.subscription, term, deliveries });
    super.give(op, deliveries, term);
  }

  override fence(): void {
    // There the term says it (HOLDS).
  }

  override acksHandled(): void {
    // The link bounds them.
  }

  protected takeCredit(): void {
    // The link counts what is written.
  }

  protected flushSoon(): void {
    if (this.#state === 'closed') this.writer.take();
    if (this.#state !== 'open') return;
    this.#state = 'flushing';
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    if (this.#state !== 'flushing') return;
    this.#state = 'open';
    if (this.writer.ops > 0) this.#options.write(this.writer.take());
  }
}
