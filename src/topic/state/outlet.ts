/**
 * Where what a worker has for sessions goes: to the acceptor that holds their sockets. One outlet for each,
 * as topic code sees it; what carries the operations, and how they are packed, it does not know. They arrive
 * in the order of the calls, and nothing waits for them here.
 */
import type { ReplyOp } from '../../thread/ops/call.js';
import type { DeliverGroupOp, DeliverOp, JoinOp, LeaveOp } from '../../thread/ops/deliver.js';
import type { FailedOp } from '../../thread/ops/failed.js';
import type { FenceOp } from '../../thread/ops/fence.js';
import type { GapOp } from '../../thread/ops/gap.js';
import type { GivenMessage, GiveOp, ProbeOp } from '../../thread/ops/give.js';
import type { DeferredOp, PublishedOp } from '../../thread/ops/publish.js';
import type { SoughtOp } from '../../thread/ops/sought.js';
import type { CaughtUpOp, SubscribedOp, UnsubscribedOp } from '../../thread/ops/subscribe.js';
import type { DryOp } from '../../thread/ops/want.js';

export interface Outlet {
  /** `peer`: to a worker of another node, whose sessions are attached here. */
  readonly kind: 'local' | 'peer';
  /** Below 2^21; no other that is open has it. With it the numbers that the acceptor gives are unique. */
  readonly number: number;

  /** Whether messages may be handed over, by the next three, which use it up; one page may overdraw it. */
  readonly hasCredit: boolean;
  deliver(op: DeliverOp): void;
  deliverGroup(op: DeliverGroupOp): void;
  /** `deliveries`: those in its frames. `term`: of its durable subscription, else 0. */
  give(op: GiveOp, deliveries: readonly GivenMessage[], term: number): void;
  /** So many bytes reached their sockets; true when this ended a time without credit. */
  creditReturned(bytes: number): boolean;

  join(op: JoinOp): void;
  leave(op: LeaveOp): void;
  sought(op: SoughtOp): void;
  /** Of sessions of this node alone. */
  fence(op: FenceOp): void;
  probe(op: ProbeOp): void;
  dry(op: DryOp): void;

  published(op: PublishedOp): void;
  deferred(op: DeferredOp): void;
  acked(request: number): void;
  /** So many acknowledgements were handled: that many more may come. */
  acksHandled(acks: number): void;
  /** What came before a SLICE was handled. */
  sliceRead(): void;
  reply(op: ReplyOp): void;
  /** The answer to any request that did not succeed; see failureOf. */
  failed(op: FailedOp): void;

  /** The subscribe of that request has made its topic. */
  topicMade(request: number): void;
  subscribed(op: SubscribedOp): void;
  unsubscribed(op: UnsubscribedOp): void;
  caughtUp(op: CaughtUpOp): void;
  gap(op: GapOp): void;
}
