/**
 * What spans say of one topic: commits, deliveries, verdicts, of messages whose trace is recorded and of no
 * others. Remembers the contexts of what was delivered of late, for the verdicts; made only where spans are.
 */
import { contextOf, isSampled, type TraceContext } from '../../core/trace-context.js';
import type { Spans } from '../../observe/spans.js';

/** Deliveries whose verdicts are still traced, of one topic: the newest. */
const DELIVERED_MAX = 256;

type Row = { readonly sequence: number; readonly headers: string | null };
type Append = { readonly publication: { readonly headers: string | null } };

/** Whose deliveries: the name of a durable subscription; null: of sessions. */
export interface Given {
  subscription: string | null;
  attempt: number;
}

export interface Settled {
  verdict: 'ack' | 'nack' | 'reject';
  subscription: string | null;
  /** Of the messages that were settled, both included. */
  from: number;
  to: number;
}

export class TopicTraces {
  readonly #spans: Spans;
  readonly #topic: { name: string; tenant: string };
  /** By sequence, in the order of delivery. */
  readonly #delivered = new Map<number, TraceContext>();

  constructor(spans: Spans, topic: { name: string; tenant: string }) {
    this.#spans = spans;
    this.#topic = topic;
  }

  /** `sinceMs`: since the worker took the first of them. */
  committed(appends: readonly Append[], firstSequence: number, sinceMs: number): void {
    const about: TraceContext[] = [];
    for (const { publication } of appends) {
      const context = publication.headers === null ? null : traced(publication.headers);
      if (context !== null) about.push(context);
    }
    if (about.length === 0) return;
    const attributes = this.#attributes('commit', appends.length, { firstSequence });
    const name = `commit ${this.#topic.name}`;
    this.#spans.span({ name, kind: 'INTERNAL', about, attributes, sinceMs })?.end();
  }

  /** What was handed over, just now. */
  delivered(rows: readonly Row[], { subscription, attempt }: Given): void {
    const about: TraceContext[] = [];
    for (const { sequence, headers } of rows) {
      if (headers === null) continue;
      const context = traced(headers);
      if (context === null) continue;
      about.push(context);
      this.#remember(sequence, context);
    }
    if (about.length === 0) return;
    const firstSequence = rows[0]?.sequence ?? 0;
    const attributes = {
      ...this.#attributes('deliver', rows.length, { firstSequence, subscription }),
      'conduit.attempt': attempt,
    };
    const name = `deliver ${this.#topic.name}`;
    this.#spans.span({ name, kind: 'CONSUMER', about, attributes })?.end();
  }

  /** The same of messages that are given one by one. */
  given(deliveries: readonly { row: Row; attempt: number }[], subscription: string | null): void {
    const rows = deliveries.map(({ row }) => row);
    const attempt = deliveries.reduce((most, one) => Math.max(most, one.attempt), 1);
    this.delivered(rows, { subscription, attempt });
  }

  settled({ verdict, subscription, from, to }: Settled): void {
    if (this.#delivered.size === 0) return;
    const about: TraceContext[] = [];
    if (from === to) {
      const one = this.#delivered.get(to);
      if (one !== undefined) about.push(one);
    } else {
      for (const [sequence, context] of this.#delivered) {
        if (sequence >= from && sequence <= to) about.push(context);
      }
    }
    if (about.length === 0) return;
    const attributes = {
      ...this.#attributes(verdict, to - from + 1, { firstSequence: from, subscription }),
      'messaging.operation.type': 'settle',
    };
    const name = `${verdict} ${this.#topic.name}`;
    this.#spans.span({ name, kind: 'INTERNAL', about, attributes })?.end();
  }

  #remember(sequence: number, context: TraceContext): void {
    if (this.#delivered.has(sequence)) return;
    this.#delivered.set(sequence, context);
    if (this.#delivered.size <= DELIVERED_MAX) return;
    this.#delivered.delete(this.#delivered.keys().next().value ?? 0);
  }

  #attributes(
    operation: string,
    messages: number,
    { firstSequence, subscription = null }: { firstSequence: number; subscription?: string | null },
  ): Record<string, string | number> {
    return {
      'messaging.system': 'conduit',
      'messaging.operation.name': operation,
      'messaging.destination.name': this.#topic.name,
      'conduit.tenant': this.#topic.tenant,
      'conduit.sequence': firstSequence,
      ...(messages > 1 ? { 'messaging.batch.message_count': messages } : {}),
      ...(subscription === null ? {} : { 'messaging.destination.subscription.name': subscription }),
    };
  }
}

/** Its context, when that is recorded. */
function traced(headers: string): TraceContext | null {
  const context = contextOf(headers);
  return context === null || !isSampled(context) ? null : context;
}
