/**
 * Spans of publishes: from when an acceptor has read one until it is answered. A publish without a context
 * gets that of its span, which begins a trace then. Made only where spans are.
 */
import type { Limits } from '../../core/limits.js';
import type { Tenant } from '../../core/topic-key.js';
import { contextOf, type TraceContext, withContext } from '../../core/trace-context.js';
import { formatUuid } from '../../core/uuid.js';
import type { RunningSpan, SpanOptions, Spans } from '../../observe/spans.js';
import type { FailedOp } from '../../thread/ops/failed.js';
import type { DeferredOp, PublishedOp } from '../../thread/ops/publish.js';
import type { PublishRequest } from '../../wire/publish.js';
import { PendingRequest } from './pending-requests.js';

export class PublishTraces {
  readonly #spans: Spans;
  readonly #limits: Limits;

  /** Null where spans are not made. */
  static of(spans: Spans | null, limits: Limits): PublishTraces | null {
    return spans === null ? null : new PublishTraces(spans, limits);
  }

  constructor(spans: Spans, limits: Limits) {
    this.#spans = spans;
    this.#limits = limits;
  }

  /** Of what is published together; null: it is of no trace that is recorded. */
  begin(tenant: Tenant, publishes: readonly PublishRequest[]): RunningSpan | null {
    const about = contextsOf(publishes);
    if (about.length > 0) return this.#spans.span({ ...optionsOf(tenant, publishes), about });
    if (!this.#spans.mayBegin) return null;
    const span = this.#spans.root(optionsOf(tenant, publishes));
    if (span === null) return null;
    for (const one of publishes) one.headers = withContext(one.headers, span.context, this.#limits);
    return span;
  }
}

function optionsOf(
  tenant: Tenant,
  publishes: readonly PublishRequest[],
): Omit<SpanOptions, 'about'> {
  const topics = new Set(publishes.map(({ topic }) => topic));
  const [topic = ''] = topics;
  const isOne = topics.size === 1;
  return {
    name: isOne ? `publish ${topic}` : 'publish',
    kind: 'PRODUCER',
    attributes: {
      'messaging.system': 'conduit',
      'messaging.operation.name': 'publish',
      'messaging.operation.type': 'send',
      'conduit.tenant': tenant,
      ...(isOne ? { 'messaging.destination.name': topic } : {}),
      ...(publishes.length > 1 ? { 'messaging.batch.message_count': publishes.length } : {}),
    },
  };
}

const NONE: readonly TraceContext[] = [];

/** Each once: what comes in one request is mostly of one. */
function contextsOf(publishes: readonly PublishRequest[]): readonly TraceContext[] {
  let found: Map<string, TraceContext> | null = null;
  for (const { headers } of publishes) {
    const context = headers === null ? null : contextOf(headers);
    if (context === null) continue;
    found ??= new Map();
    found.set(context.traceparent, context);
  }
  return found === null ? NONE : [...found.values()];
}

/** One that waits, and its span, which ends with it. */
export class TracedPublish extends PendingRequest {
  readonly #waiting: PendingRequest;
  readonly #span: RunningSpan;

  constructor(waiting: PendingRequest, span: RunningSpan) {
    super(waiting.link, waiting.creditBytes);
    this.#waiting = waiting;
    this.#span = span;
  }

  override get isOwed(): boolean {
    return this.#waiting.isOwed;
  }

  override published(op: PublishedOp): void {
    const { sequence, messageId, duplicate } = op;
    this.#span.end({
      'messaging.message.id': formatUuid(messageId),
      'conduit.sequence': sequence,
      ...(duplicate ? { 'conduit.duplicate': 1 } : {}),
    });
    this.#waiting.published(op);
  }

  override deferred(op: DeferredOp): void {
    this.#span.end({ 'conduit.deferred_id': op.deferredId });
    this.#waiting.deferred(op);
  }

  override failed(failure: Pick<FailedOp, 'code' | 'detail' | 'field'>): void {
    this.#span.end({}, failure.code);
    this.#waiting.failed(failure);
  }

  override broken(): void {
    this.#span.end({}, 'internal');
    this.#waiting.broken();
  }
}
