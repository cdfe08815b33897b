/**
 * Spans, where an OpenTelemetry SDK was loaded into the thread (`NODE_OPTIONS=--import`), and nothing where
 * none was: then not even its API is imported. The only one who knows that API. Owns what a thread may still
 * begin this second; never throws into who asks for a span.
 */
import type {
  Context,
  Span,
  SpanContext,
  SpanKind,
  Tracer,
  TracerProvider,
} from '@opentelemetry/api';
import type { Limits } from '../core/limits.js';
import type { TraceContext } from '../core/trace-context.js';
import { isSampled } from '../core/trace-context.js';

/** Where every copy of the API keeps who was registered: what they find each other by. */
const REGISTERED = Symbol.for('opentelemetry.js.api.1');
const NAME = 'conduit-broker';
const SECOND_MS = 1_000;
/** At the end of a thread, for what was not exported yet. */
const FLUSH_MS = 2_000;
/** As many as an SDK keeps of one span by default. */
const LINKS_MAX = 128;

type Api = typeof import('@opentelemetry/api');
/** What an SDK registers has more than the API says of it. */
interface Flushed {
  getDelegate?: () => unknown;
  forceFlush?: () => Promise<void>;
}

export interface SpanOptions {
  name: string;
  kind: keyof typeof SpanKind;
  /** Whose contexts it is about: it belongs to the trace of the first, and has links to all. */
  about: readonly TraceContext[];
  attributes: Record<string, string | number>;
  /** How long ago it began; absent: now. */
  sinceMs?: number;
}

/** A span under way; ended once. */
export interface RunningSpan {
  readonly context: TraceContext;
  /** `error`: a stable code. */
  end(attributes?: Record<string, string | number>, error?: string): void;
}

export class Spans {
  readonly #api: Api;
  readonly #tracer: Tracer;
  readonly #provider: TracerProvider;
  readonly #limits: Pick<Limits, 'traceStartsPerSecond' | 'traceSpansPerSecond'>;
  #startsLeft = 0;
  #spansLeft = 0;

  constructor(
    api: Api,
    provider: TracerProvider,
    limits: Pick<Limits, 'traceStartsPerSecond' | 'traceSpansPerSecond'>,
  ) {
    this.#api = api;
    this.#provider = provider;
    this.#tracer = provider.getTracer(NAME);
    this.#limits = limits;
    this.#refill();
    setInterval(() => this.#refill(), SECOND_MS).unref();
  }

  /** One that belongs to traces that are recorded; null: there is none, or there were too many of late. */
  span({ about, ...options }: SpanOptions): RunningSpan | null {
    const sampled = about.filter(isSampled);
    const [first] = sampled;
    return first === undefined ? null : this.#begin({ ...options, about: sampled }, first);
  }

  /** Whether one more trace may begin this second. */
  get mayBegin(): boolean {
    return this.#startsLeft > 0;
  }

  /** One that begins a trace, if the SDK wants it recorded; null as above. */
  root(options: Omit<SpanOptions, 'about'>): RunningSpan | null {
    if (!this.mayBegin) return null;
    this.#startsLeft--;
    return this.#begin({ ...options, about: [] }, null);
  }

  /** Resolves when all that ended was exported, or could not be in time. */
  async flush(): Promise<void> {
    const provider = this.#provider as Flushed;
    const delegate = (provider.getDelegate?.() ?? provider) as Flushed;
    const late = new Promise<void>((resolve) => setTimeout(resolve, FLUSH_MS).unref());
    const flushed = delegate.forceFlush?.() ?? Promise.resolve();
    await Promise.race([flushed.catch(() => undefined), late]);
  }

  #refill(): void {
    this.#startsLeft = this.#limits.traceStartsPerSecond;
    this.#spansLeft = this.#limits.traceSpansPerSecond;
  }

  #begin(options: SpanOptions, first: TraceContext | null): RunningSpan | null {
    if (this.#spansLeft <= 0) return null;
    this.#spansLeft--;
    const { name, kind, about, attributes, sinceMs = 0 } = options;
    const links = about
      .slice(0, LINKS_MAX)
      .map((context) => ({ context: this.#contextOf(context) }));
    const span = this.#tracer.startSpan(
      name,
      {
        ...{ kind: this.#api.SpanKind[kind], links, attributes, root: first === null },
        ...(sinceMs > 0 ? { startTime: Date.now() - sinceMs } : {}),
      },
      this.#under(first),
    );
    return span.isRecording() ? new OpenSpan(span, this.#api) : null;
  }

  #under(context: TraceContext | null): Context {
    const { ROOT_CONTEXT, trace } = this.#api;
    if (context === null) return ROOT_CONTEXT;
    return trace.setSpanContext(ROOT_CONTEXT, this.#contextOf(context));
  }

  #contextOf({ traceparent, tracestate }: TraceContext): SpanContext {
    return {
      traceId: traceparent.slice(3, 35),
      spanId: traceparent.slice(36, 52),
      traceFlags: Number.parseInt(traceparent.slice(53, 55), 16),
      isRemote: true,
      ...(tracestate === null ? {} : { traceState: this.#api.createTraceState(tracestate) }),
    };
  }
}

class OpenSpan implements RunningSpan {
  readonly context: TraceContext;
  readonly #span: Span;
  readonly #api: Api;

  constructor(span: Span, api: Api) {
    this.#span = span;
    this.#api = api;
    const { traceId, spanId, traceFlags, traceState } = span.spanContext();
    const flags = (traceFlags & 0xff).toString(16).padStart(2, '0');
    const state = traceState?.serialize() ?? '';
    const tracestate = state === '' ? null : state;
    this.context = { traceparent: `00-${traceId}-${spanId}-${flags}`, tracestate };
  }

  end(attributes: Record<string, string | number> = {}, error?: string): void {
    this.#span.setAttributes(attributes);
    if (error !== undefined) {
      this.#span.setAttribute('error.type', error);
      this.#span.setStatus({ code: this.#api.SpanStatusCode.ERROR, message: error });
    }
    this.#span.end();
  }
}

/** Whether spans are made in this thread; `no_api`: an SDK was registered, and Conduit has not its API. */
export async function tracing(): Promise<'off' | 'on' | 'no_api'> {
  if (registered() === undefined) return 'off';
  return (await loadApi()) === null ? 'no_api' : 'on';
}

/** Null: spans are not made in this thread, which costs nothing then. */
export async function loadSpans(
  limits: Pick<Limits, 'traceStartsPerSecond' | 'traceSpansPerSecond'>,
): Promise<Spans | null> {
  const provider = registered();
  const api = provider === undefined ? null : await loadApi();
  return provider === undefined || api === null ? null : new Spans(api, provider, limits);
}

/** Null: it is not installed. An SDK brings it along, for itself. */
async function loadApi(): Promise<Api | null> {
  try {
    return await import('@opentelemetry/api');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND') {
      return null;
    }
    throw error;
  }
}

function registered(): TracerProvider | undefined {
  const all = (globalThis as Record<symbol, unknown>)[REGISTERED] as
    | { trace?: TracerProvider }
    | undefined;
  return all?.trace;
}
