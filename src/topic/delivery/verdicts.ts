/**
 * What sessions say of their deliveries (ack, nack, extend, reject): from the link to the cursor, and the
 * answer back. Of a durable subscription it is given after the save that contains the verdict.
 */
import type { Clock } from '../../core/clock.js';
import { ackHanded, giveBack, type HandedOut, holderOf } from '../../core/handed-out.js';
import type { AckOp, VerdictOp } from '../../thread/ops/acknowledge.js';
import {
  ACK_BY_ID,
  ACK_CUMULATIVE,
  VERDICT_EXTEND,
  VERDICT_NACK,
  VERDICT_RETURN,
} from '../../thread/ops/acknowledge.js';
import type { TrackerSaves } from '../log/placed-saves.js';
import type { Outlet } from '../state/outlet.js';
import type { Judge, Tracker } from '../state/subscription.js';
import type { Topics } from '../state/topics.js';
import type { Deadlines } from './deadlines.js';
import type { Feeder } from './feeder.js';
import type { Giver } from './giver.js';

export interface VerdictsOptions {
  topics: Topics;
  feeder: Feeder;
  giver: Giver;
  deadlines: Deadlines;
  saves: TrackerSaves;
  clock: Clock;
}

type Target = Pick<AckOp, 'request' | 'session' | 'subscription' | 'topicNo'>;

/** changed: it is to be saved. noted: taken, without a change. unknown: no such delivery. */
type Outcome = 'changed' | 'noted' | 'unknown';

/** Of one delivery, by whoever was handed it. */
export interface HandedVerdict extends HandedOut {
  verdict: 'ack' | 'nack' | 'extend' | 'reject';
  /** See VerdictOp. */
  ms: number | null;
  reason: string | null;
}

export class Verdicts {
  readonly counts = { ack: 0, nack: 0, extend: 0, reject: 0 };
  readonly #options: VerdictsOptions;

  constructor(options: VerdictsOptions) {
    this.#options = options;
  }

  /** From ACK. Unknown, foreign, settled and future deliveries get one answer and change nothing. */
  ack(outlet: Outlet, op: AckOp): void {
    const nowMs = this.#options.clock.monotonic();
    const judge = this.#judge(outlet, op, nowMs);
    const floor = judge?.tracker.cursor.floor ?? 0;
    const outcome = judge === null ? 'unknown' : acked(judge, op, nowMs);
    if (judge !== null && outcome === 'changed') traceAck(judge, op, floor);
    if (outcome !== 'unknown') this.counts.ack++;
    this.#answer(outlet, op, judge, outcome);
    if (judge === null) return;
    const { subscription, tracker, member } = judge;
    // A window that has room again is all that an ack can bring about.
    if (tracker.cursor.sole === member) this.#options.feeder.pump(subscription);
    else this.#options.giver.later(tracker);
  }

  /** From VERDICT; answered as an ACK is. */
  take(outlet: Outlet, op: VerdictOp): void {
    const nowMs = this.#options.clock.monotonic();
    const judge = this.#judge(outlet, op, nowMs);
    const outcome = judge === null ? 'unknown' : judged(judge, op, nowMs);
    if (outcome !== 'unknown' && op.verdict !== VERDICT_RETURN) this.counts[nameOf(op)]++;
    if (judge !== null && outcome === 'changed') traceVerdict(judge, op);
    this.#answer(outlet, op, judge, outcome);
    if (judge === null) return;
    this.#options.giver.later(judge.tracker);
    this.#options.deadlines.schedule(judge.tracker);
  }

  /** Not by its session: see core/handed-out.ts. Answers the places of those that are unknown. */
  takeHanded(tracker: Tracker, verdicts: readonly HandedVerdict[]): number[] {
    const { clock, giver, deadlines, saves } = this.#options;
    const nowMs = clock.monotonic();
    tracker.sync(nowMs);
    const unknown: number[] = [];
    verdicts.forEach((one, place) => {
      if (handedJudged(tracker, one, nowMs)) {
        this.counts[one.verdict]++;
        traceHanded(tracker, one);
      } else unknown.push(place);
    });
    saves.changed(tracker);
    giver.give(tracker);
    deadlines.schedule(tracker);
    return unknown;
  }

  #judge(outlet: Outlet, op: Target, nowMs: number): Judge | null {
    const topic = this.#options.topics.byNo(op.topicNo);
    return topic?.subscriptionOf(outlet, op.subscription)?.judging(nowMs) ?? null;
  }

  #answer(outlet: Outlet, op: Target, judge: Judge | null, outcome: Outcome): void {
    const { request, session } = op;
    if (judge === null || outcome === 'unknown') {
      const code = 'unknown_delivery';
      const detail = 'no such delivery to this session, or it is settled';
      outlet.failed({ request, session, code, detail, field: null });
      return;
    }
    const { tracker } = judge;
    if (request !== 0 && outcome === 'changed' && tracker.durable !== null) {
      tracker.answers.push({ outlet, request });
    } else if (request !== 0) {
      outlet.acked(request);
    }
    if (outcome === 'changed') this.#options.saves.changed(tracker);
  }
}

function nameOf({ verdict }: VerdictOp): 'nack' | 'extend' | 'reject' {
  if (verdict === VERDICT_NACK) return 'nack';
  return verdict === VERDICT_EXTEND ? 'extend' : 'reject';
}

function acked({ subscription, tracker, member }: Judge, op: AckOp, nowMs: number): Outcome {
  const { cursor } = tracker;
  const isById = op.kind === ACK_BY_ID && op.messageId !== null;
  const sequence = isById ? subscription.sequenceOf(op.messageId ?? new Uint8Array()) : op.sequence;
  if (subscription.fellOut(sequence)) return 'noted';
  if (sequence < 1) return 'unknown';
  const isTaken =
    op.kind === ACK_CUMULATIVE
      ? cursor.settleUpTo(member, sequence, nowMs)
      : cursor.settle(member, sequence, nowMs);
  return isTaken ? 'changed' : 'unknown';
}

function judged({ subscription, tracker, member }: Judge, op: VerdictOp, nowMs: number): Outcome {
  const { cursor } = tracker;
  const { messageId, ms, reason } = op;
  const sequence = messageId === null ? op.sequence : subscription.sequenceOf(messageId);
  if (sequence < 1) return 'unknown';
  if (op.verdict === VERDICT_RETURN)
    return giveBack(cursor, member, sequence) ? 'noted' : 'unknown';
  const verdict = { sequence, ms, reason };
  if (op.verdict === VERDICT_EXTEND) {
    return cursor.extend(member, verdict, nowMs) ? 'noted' : 'unknown';
  }
  const isTaken =
    op.verdict === VERDICT_NACK
      ? cursor.nack(member, verdict, nowMs)
      : cursor.reject(member, verdict, nowMs);
  return isTaken ? 'changed' : 'unknown';
}

function handedJudged({ cursor }: Tracker, one: HandedVerdict, nowMs: number): boolean {
  if (one.verdict === 'ack') return ackHanded(cursor, one, nowMs);
  const member = holderOf(cursor, one);
  if (member === null) return false;
  if (one.verdict === 'nack') return cursor.nack(member, one, nowMs);
  return one.verdict === 'extend'
    ? cursor.extend(member, one, nowMs)
    : cursor.reject(member, one, nowMs);
}

/** `floor`: of the cursor, before. */
function traceAck({ subscription, tracker }: Judge, op: AckOp, floor: number): void {
  const { traces } = tracker.topic;
  if (traces === null) return;
  const isById = op.kind === ACK_BY_ID && op.messageId !== null;
  const to = isById ? subscription.sequenceOf(op.messageId ?? new Uint8Array()) : op.sequence;
  const from = op.kind === ACK_CUMULATIVE ? Math.min(floor + 1, to) : to;
  traces.settled({ verdict: 'ack', subscription: tracker.name, from, to });
}

function traceVerdict({ subscription, tracker }: Judge, op: VerdictOp): void {
  const { traces } = tracker.topic;
  const verdict = nameOf(op);
  if (traces === null || verdict === 'extend') return;
  const { messageId } = op;
  const sequence = messageId === null ? op.sequence : subscription.sequenceOf(messageId);
  traces.settled({ verdict, subscription: tracker.name, from: sequence, to: sequence });
}

function traceHanded({ topic, name }: Tracker, { verdict, sequence }: HandedVerdict): void {
  if (verdict === 'extend') return;
  topic.traces?.settled({ verdict, subscription: name, from: sequence, to: sequence });
}
