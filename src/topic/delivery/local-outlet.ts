/**
 * The outlet to an acceptor of this node: packs operations on the link to its thread, and hands on what comes
 * back. It is the only file of src/topic that packs.
 */
import type { Limits } from '../../core/limits.js';
import { type LinkPort, WorkerLinkEnd } from '../../thread/link.js';
import { packAckCredit, packAcked } from '../../thread/ops/acknowledge.js';
import { packReply, type ReplyOp } from '../../thread/ops/call.js';
import {
  type DeliverGroupOp,
  type DeliverOp,
  type JoinOp,
  type LeaveOp,
  packDeliver,
  packDeliverGroup,
  packJoin,
  packLeave,
} from '../../thread/ops/deliver.js';
import { type FailedOp, packFailed } from '../../thread/ops/failed.js';
import { type GapOp, packGap } from '../../thread/ops/gap.js';
import { type GiveOp, type ProbeOp, packGive, packProbe } from '../../thread/ops/give.js';
import {
  type DeferredOp,
  type PublishedOp,
  packDeferred,
  packPublished,
} from '../../thread/ops/publish.js';
import { packSliceRead } from '../../thread/ops/slice.js';
import { packSought, type SoughtOp } from '../../thread/ops/sought.js';
import {
  type CaughtUpOp,
  packCaughtUp,
  packSubscribed,
  packUnsubscribed,
  type SubscribedOp,
  type UnsubscribedOp,
} from '../../thread/ops/subscribe.js';
import type { PackReader } from '../../thread/packing/pack-reader.js';
import type { PackWriter } from '../../thread/packing/pack-writer.js';
import type { Outlet } from '../state/outlet.js';

/** What the acceptor sends. */
export interface OutletHandler {
  /** Reads the operation's fields. */
  handle(outlet: Outlet, op: number, reader: PackReader): void;
  /** All operations that came together were handled. */
  endTurn(outlet: Outlet): void;
}

export interface LocalOutletOptions {
  port: LinkPort;
  /** Index of the acceptor. */
  acceptor: number;
  limits: Limits;
  handler: OutletHandler;
}

export class LocalOutlet implements Outlet {
  readonly number: number;
  readonly #link: WorkerLinkEnd;
  readonly #writer: PackWriter;

  constructor({ port, acceptor, limits, handler }: LocalOutletOptions) {
    this.number = acceptor;
    this.#link = new WorkerLinkEnd({
      port,
      limits,
      onOp: (op, reader) => handler.handle(this, op, reader),
      onTurn: () => handler.endTurn(this),
    });
    this.#writer = this.#link.writer;
  }

  close(): void {
    this.#link.close();
  }

  get hasCredit(): boolean {
    return this.#link.hasDeliverCredit;
  }

  deliver(op: DeliverOp): void {
    packDeliver(this.#writer, op);
    this.#link.takeDeliverCredit(op.frames.length);
    this.#link.scheduleFlush();
  }

  deliverGroup(op: DeliverGroupOp): void {
    packDeliverGroup(this.#writer, op);
    this.#link.takeDeliverCredit(op.frames.length);
    this.#link.scheduleFlush();
  }

  give(op: GiveOp): void {
    packGive(this.#writer, op);
    this.#link.takeDeliverCredit(op.frames.length);
    this.#link.scheduleFlush();
  }

  creditReturned(bytes: number): boolean {
    return this.#link.returnDeliverCredit(bytes);
  }

  join(op: JoinOp): void {
    packJoin(this.#writer, op);
    this.#link.scheduleFlush();
  }

  leave(op: LeaveOp): void {
    packLeave(this.#writer, op);
    this.#link.scheduleFlush();
  }

  sought(op: SoughtOp): void {
    packSought(this.#writer, op);
    this.#link.scheduleFlush();
  }

  probe(op: ProbeOp): void {
    packProbe(this.#writer, op);
    this.#link.scheduleFlush();
  }

  published(op: PublishedOp): void {
    packPublished(this.#writer, op);
    this.#link.scheduleFlush();
  }

  deferred(op: DeferredOp): void {
    packDeferred(this.#writer, op);
    this.#link.scheduleFlush();
  }

  acked(request: number): void {
    packAcked(this.#writer, request);
    this.#link.scheduleFlush();
  }

  sliceRead(): void {
    packSliceRead(this.#writer);
    this.#link.scheduleFlush();
  }

  acksHandled(acks: number): void {
    packAckCredit(this.#writer, acks);
    this.#link.scheduleFlush();
  }

  reply(op: ReplyOp): void {
    packReply(this.#writer, op);
    this.#link.scheduleFlush();
  }

  failed(op: FailedOp): void {
    packFailed(this.#writer, op);
    this.#link.scheduleFlush();
  }

  subscribed(op: SubscribedOp): void {
    packSubscribed(this.#writer, op);
    this.#link.scheduleFlush();
  }

  unsubscribed(op: UnsubscribedOp): void {
    packUnsubscribed(this.#writer, op);
    this.#link.scheduleFlush();
  }

  caughtUp(op: CaughtUpOp): void {
    packCaughtUp(this.#writer, op);
    this.#link.scheduleFlush();
  }

  gap(op: GapOp): void {
    packGap(this.#writer, op);
    this.#link.scheduleFlush();
  }
}
