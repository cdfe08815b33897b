/**
 * A worker of another node, as the sessions here that are attached to subscriptions there speak to it: packs
 * what an acceptor would. Nothing is kept while the link is away.
 */
import type { MailAddress } from '../../backplane/mailbox.js';
import type { PeerLink } from '../../core/peer-link.js';
import { type AckOp, packAck, packVerdict, type VerdictOp } from '../../thread/ops/acknowledge.js';
import { type CallOp, packCall } from '../../thread/ops/call.js';
import { type GivenOp, type ProbedOp, packGiven, packProbed } from '../../thread/ops/give.js';
import {
  packSessionEnded,
  packSubscribe,
  type SessionEndedOp,
  type SubscribeOp,
} from '../../thread/ops/subscribe.js';
import { packWant, type WantOp } from '../../thread/ops/want.js';
import { PackWriter } from '../../thread/packing/pack-writer.js';

export class RemoteWorker {
  readonly address: MailAddress;
  readonly #link: PeerLink;
  /** Another one in each life of the link: names that it has packed are known by their numbers. */
  #writer = new PackWriter();
  #flush: 'scheduled' | 'no' = 'no';
  #uses = 0;
  /** What is to be said once it is up. */
  readonly #whenUp = new Set<() => void>();

  constructor(address: MailAddress, link: PeerLink) {
    this.address = address;
    this.#link = link;
  }

  get isUp(): boolean {
    return this.#link.isUp;
  }

  /** One more has to do with it. */
  want(): void {
    if (this.#uses++ === 0) this.#link.want();
  }

  /** And one less. */
  unwant(): void {
    if (--this.#uses === 0) this.#link.unwant();
  }

  /** Now, or when the link is up; never, if it is reset before, or what is returned is called. */
  whenUp(then: () => void): () => void {
    if (this.isUp) then();
    else this.#whenUp.add(then);
    return () => this.#whenUp.delete(then);
  }

  up(): void {
    // The other end remembers no name of before; also where the link went idle, which is no reset.
    this.#writer = new PackWriter();
    const waiting = [...this.#whenUp];
    this.#whenUp.clear();
    for (const then of waiting) then();
  }

  /** What it sent cannot be read. */
  unread(): void {
    this.#link.reset('unread');
  }

  /** What is packed and not sent is of before a reset. */
  forget(): void {
    this.#whenUp.clear();
    this.#writer = new PackWriter();
  }

  subscribe(op: SubscribeOp): void {
    packSubscribe(this.#writer, op);
    this.#flushSoon();
  }

  sessionEnded(op: SessionEndedOp): void {
    packSessionEnded(this.#writer, op);
    this.#flushSoon();
  }

  ack(op: AckOp): void {
    packAck(this.#writer, op);
    this.#flushSoon();
  }

  verdict(op: VerdictOp): void {
    packVerdict(this.#writer, op);
    this.#flushSoon();
  }

  given(op: GivenOp): void {
    packGiven(this.#writer, op);
    this.#flushSoon();
  }

  probed(op: ProbedOp): void {
    packProbed(this.#writer, op);
    this.#flushSoon();
  }

  wanted(op: WantOp): void {
    packWant(this.#writer, op);
    this.#flushSoon();
  }

  call(op: CallOp): void {
    packCall(this.#writer, op);
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#flush === 'scheduled') return;
    this.#flush = 'scheduled';
    setImmediate(() => {
      this.#flush = 'no';
      if (this.#writer.ops === 0) return;
      const packed = this.#writer.take();
      if (this.#link.isUp) this.#link.write(packedBytes(packed));
    });
  }
}

/** What of a packed buffer is in use. */
export function packedBytes(packed: ArrayBuffer): Uint8Array {
  return new Uint8Array(packed, 0, new DataView(packed).getUint32(0, true));
}
