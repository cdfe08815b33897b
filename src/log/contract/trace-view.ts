/**
 * What became of one message, as the HTTP API gives it: from what is stored, and from what the owner of the
 * topic knows of those subscriptions that it has open.
 */
import type { LogRow } from '../../core/message.js';
import { isoTime } from '../../core/time.js';
import { browseMessage } from '../../wire/browse-page.js';
import type {
  DeadLetterRecord,
  DeliveryRecord,
  SubscriptionRecord,
  SubscriptionStore,
} from './subscription-store.js';

/** What became of a message in one durable subscription. */
export interface DeliveryView {
  subscription: string;
  state: 'pending' | 'in_flight' | 'waiting' | 'acked' | 'dead_lettered';
  attempt?: number;
  session?: string | undefined;
  next_attempt_at?: string;
  last_error?: string | null;
  reason?: string;
}

export type Trace = Awaited<ReturnType<SubscriptionStore['traceOf']>>;

export interface TracedMessage {
  topic: string;
  row: LogRow;
  trace: Trace;
  /** By name, of those that are open. */
  live: Readonly<Record<string, DeliveryView>>;
}

/** JSON text. */
export function traceView({ topic, row, trace, live }: TracedMessage): Uint8Array {
  const letters = new Map<string, DeadLetterRecord>();
  for (const one of trace.deadLetters) {
    if (one.subscription !== null && !one.redriven) letters.set(one.subscription, one);
  }
  const deliveries = trace.subscriptions.map(({ record, delivery }): DeliveryView => {
    const letter = letters.get(record.name);
    if (letter !== undefined) return deadView(record.name, letter);
    const known = Object.hasOwn(live, record.name) ? live[record.name] : undefined;
    return known ?? storedView(record, delivery, row.sequence);
  });
  const failures = trace.failures.map(({ atMs, subscription, session, ...failure }) => ({
    subscription,
    session,
    attempt: failure.attempt,
    at: isoTime(atMs),
    outcome: failure.outcome,
    reason: failure.reason,
  }));
  const dead_letters = trace.deadLetters.map(({ id, subscription, session }) => ({
    id,
    subscription,
    session: session ?? undefined,
  }));
  const next = trace.next ?? undefined;
  return browseMessage(topic, row, { deliveries, failures, dead_letters, next });
}

function deadView(subscription: string, letter: DeadLetterRecord): DeliveryView {
  const { attempts: attempt, reason, lastError: last_error } = letter;
  return { subscription, state: 'dead_lettered', attempt, reason, last_error };
}

function storedView(
  record: SubscriptionRecord,
  delivery: DeliveryRecord | null,
  sequence: number,
): DeliveryView {
  const { name: subscription } = record;
  if (delivery !== null) {
    const { attempts, dueAtMs, lastError: last_error } = delivery;
    const next_attempt_at = isoTime(Math.round(dueAtMs));
    return { subscription, state: 'waiting', attempt: attempts + 1, next_attempt_at, last_error };
  }
  const isSettled =
    sequence <= record.ackFloor ||
    record.settled.some(([from, to]) => from <= sequence && sequence <= to);
  if (isSettled) return { subscription, state: 'acked' };
  // What nobody holds any more comes again to whoever subscribes next.
  return { subscription, state: sequence <= record.delivered ? 'waiting' : 'pending' };
}
