/**
 * What became of one message, as clients see it: from what is stored, and from what the owner of its topic
 * knows of those subscriptions that it has open. JSON text, written where the message is read.
 */
import type { DeadLetterRecord } from '../../core/dead-letter-record.js';
import type { LogRow } from '../../core/message.js';
import type { DeliveryRecord, SubscriptionRecord } from '../../core/subscription-record.js';
import { isoTime } from '../../core/time.js';
import type { DeliveryStanding, TraceFailure, TraceRecord } from '../../core/trace-record.js';
import type { TRACE } from '../schemas/dead-letters.js';
import type { View } from '../schemas/kinds.js';
import type { MESSAGE_MEMBERS } from '../schemas/topics.js';
import { messageView } from './message-view.js';

/** What the trace of a message has beside it. */
export type TraceFields = Omit<View<typeof TRACE>, keyof typeof MESSAGE_MEMBERS>;
/** What became of it in one durable subscription. */
export type DeliveryView = TraceFields['deliveries'][number];
export type FailureView = TraceFields['failures'][number];

export interface TracedMessage {
  topic: string;
  row: LogRow;
  trace: TraceRecord;
  /** By name, of those that are open. */
  open: Readonly<Record<string, DeliveryStanding>>;
}

/** JSON text. */
export function traceView({ topic, row, trace, open }: TracedMessage): Uint8Array {
  const letters = new Map<string, DeadLetterRecord>();
  for (const one of trace.deadLetters) {
    if (one.subscription !== null && !one.redriven) letters.set(one.subscription, one);
  }
  const deliveries = trace.subscriptions.map(({ record, delivery }): DeliveryView => {
    const { name } = record;
    const letter = letters.get(name);
    if (letter !== undefined) return deadView(name, letter);
    const known = Object.hasOwn(open, name) ? open[name] : undefined;
    return deliveryView(name, known ?? storedStanding(record, delivery, row.sequence));
  });
  const fields: TraceFields = {
    deliveries,
    failures: trace.failures.map(failureView),
    dead_letters: trace.deadLetters.map(({ id, subscription, session }) => ({
      id,
      subscription,
      session: session ?? undefined,
    })),
    next: trace.next ?? undefined,
  };
  return messageView(topic, row, fields);
}

function deliveryView(subscription: string, standing: DeliveryStanding): DeliveryView {
  const { state } = standing;
  switch (state) {
    case 'pending':
    case 'acked':
      return { subscription, state };
    case 'in_flight': {
      const { attempt, session, lastError: last_error } = standing;
      return { subscription, state, attempt, session, last_error };
    }
    case 'waiting': {
      if (standing.next === null) return { subscription, state };
      const { attempt, atMs, lastError: last_error } = standing.next;
      return { subscription, state, attempt, next_attempt_at: isoTime(atMs), last_error };
    }
  }
}

function deadView(subscription: string, letter: DeadLetterRecord): DeliveryView {
  const { attempts: attempt, reason, lastError: last_error } = letter;
  return { subscription, state: 'dead_lettered', attempt, reason, last_error };
}

function failureView({ subscription, session, ...failure }: TraceFailure): FailureView {
  const { attempt, atMs, outcome, reason } = failure;
  return { subscription, session, attempt, at: isoTime(atMs), outcome, reason };
}

function storedStanding(
  record: SubscriptionRecord,
  delivery: DeliveryRecord | null,
  sequence: number,
): DeliveryStanding {
  if (delivery !== null) {
    const { attempts, dueAtMs, lastError } = delivery;
    const next = { attempt: attempts + 1, atMs: Math.round(dueAtMs), lastError };
    return { state: 'waiting', next };
  }
  const isSettled =
    sequence <= record.ackFloor ||
    record.settled.some(([from, to]) => from <= sequence && sequence <= to);
  if (isSettled) return { state: 'acked' };
  // What nobody holds any more comes again to whoever subscribes next.
  return sequence <= record.delivered ? { state: 'waiting', next: null } : { state: 'pending' };
}
