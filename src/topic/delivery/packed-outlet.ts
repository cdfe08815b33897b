/**
 * The outlet to sessions, however their operations travel: packs them. With what it begins in its variants it
 * is all of src/topic that packs for sessions.
 */
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
import { type FenceOp, packFence } from '../../thread/ops/fence.js';
import { type GapOp, packGap } from '../../thread/ops/gap.js';
import {
  type GivenMessage,
  type GiveOp,
  type ProbeOp,
  packGive,
  packProbe,
} from '../../thread/ops/give.js';
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
  packTopicMade,
  packUnsubscribed,
  type SubscribedOp,
  type UnsubscribedOp,
} from '../../thread/ops/subscribe.js';
import { type DryOp, packDry } from '../../thread/ops/want.js';
import type { PackWriter } from '../../thread/packing/pack-writer.js';
import type { Outlet } from '../state/outlet.js';

export abstract class PackedOutlet implements Outlet {
  abstract readonly kind: Outlet['kind'];
  abstract readonly number: number;
  abstract readonly hasCredit: boolean;
  abstract creditReturned(bytes: number): boolean;
  protected abstract readonly writer: PackWriter;
  /** So many bytes of messages were packed. */
  protected abstract takeCredit(bytes: number): void;
  /** Something was packed. */
  protected abstract flushSoon(): void;

  deliver(op: DeliverOp): void {
    packDeliver(this.writer, op);
    this.takeCredit(op.frames.length);
    this.flushSoon();
  }

  deliverGroup(op: DeliverGroupOp): void {
    packDeliverGroup(this.writer, op);
    this.takeCredit(op.frames.length);
    this.flushSoon();
  }

  give(op: GiveOp, _deliveries: readonly GivenMessage[], _term: number): void {
    packGive(this.writer, op);
    this.takeCredit(op.frames.length);
    this.flushSoon();
  }

  join(op: JoinOp): void {
    packJoin(this.writer, op);
    this.flushSoon();
  }

  leave(op: LeaveOp): void {
    packLeave(this.writer, op);
    this.flushSoon();
  }

  sought(op: SoughtOp): void {
    packSought(this.writer, op);
    this.flushSoon();
  }

  fence(op: FenceOp): void {
    packFence(this.writer, op);
    this.flushSoon();
  }

  probe(op: ProbeOp): void {
    packProbe(this.writer, op);
    this.flushSoon();
  }

  dry(op: DryOp): void {
    packDry(this.writer, op);
    this.flushSoon();
  }

  published(op: PublishedOp): void {
    packPublished(this.writer, op);
    this.flushSoon();
  }

  deferred(op: DeferredOp): void {
    packDeferred(this.writer, op);
    this.flushSoon();
  }

  acked(request: number): void {
    packAcked(this.writer, request);
    this.flushSoon();
  }

  sliceRead(): void {
    packSliceRead(this.writer);
    this.flushSoon();
  }

  acksHandled(acks: number): void {
    packAckCredit(this.writer, acks);
    this.flushSoon();
  }

  reply(op: ReplyOp): void {
    packReply(this.writer, op);
    this.flushSoon();
  }

  failed(op: FailedOp): void {
    packFailed(this.writer, op);
    this.flushSoon();
  }

  topicMade(request: number): void {
    packTopicMade(this.writer, request);
    this.flushSoon();
  }

  subscribed(op: SubscribedOp): void {
    packSubscribed(this.writer, op);
    this.flushSoon();
  }

  unsubscribed(op: UnsubscribedOp): void {
    packUnsubscribed(this.writer, op);
    this.flushSoon();
  }

  caughtUp(op: CaughtUpOp): void {
    packCaughtUp(this.writer, op);
    this.flushSoon();
  }

  gap(op: GapOp): void {
    packGap(this.writer, op);
    this.flushSoon();
  }
}
