/**
 * W3C Trace Context as messages carry it: in the headers `traceparent` and `tracestate`, or, of CloudEvents,
 * in `ce-traceparent` and `ce-tracestate`. What is not valid is nobody's context, and no error. Pure.
 */
import type { Limits } from './limits.js';

export interface TraceContext {
  readonly traceparent: string;
  /** Null: there is none, or it was not valid. */
  readonly tracestate: string | null;
}

/** Of a later version there may be more behind the flags, which is passed on as it is. */
const TRACEPARENT_MAX = 128;
const TRACEPARENT =
  /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-[\x21-\x7e]*)?$/;
/** What Trace Context asks everybody to pass on at least, section 3.3.1.5; more is dropped. */
const TRACESTATE_MAX = 512;
const TRACESTATE = /^\s*(?:[a-z0-9][a-z0-9_\-*/@]*=[\x20-\x2b\x2d-\x3c\x3e-\x7e]+)?(?:\s*,.*)?$/;
const ASCII = /^[\x20-\x7e]+$/;
const EVENT = 'ce-';
/** Part of the text of all headers that have a context. */
const HINT = 'traceparent"';
const SAMPLED = 1;

/** '' for what is not there; null: there is no context. */
export function traceContext(traceparent: string, tracestate: string): TraceContext | null {
  if (!isTraceparent(traceparent)) return null;
  return { traceparent, tracestate: isTracestate(tracestate) ? tracestate : null };
}

function isTraceparent(text: string): boolean {
  if (text.length < 55 || text.length > TRACEPARENT_MAX || !TRACEPARENT.test(text)) return false;
  return text.length === 55 || !text.startsWith('00');
}

function isTracestate(text: string): boolean {
  return text.length <= TRACESTATE_MAX && ASCII.test(text) && TRACESTATE.test(text);
}

/** Whether whoever began the trace records it. */
export function isSampled({ traceparent }: TraceContext): boolean {
  return (Number.parseInt(traceparent.slice(53, 55), 16) & SAMPLED) === SAMPLED;
}

/** `headers`: of a message, JSON text. */
export function contextOf(headers: string | null): TraceContext | null {
  if (headers === null || !headers.includes(HINT)) return null;
  return contextIn(JSON.parse(headers) as Record<string, string>);
}

/** `headers`: of a message. */
export function contextIn(all: Readonly<Record<string, string>>): TraceContext | null {
  for (const before of [EVENT, '']) {
    const found = traceContext(all[`${before}traceparent`] ?? '', all[`${before}tracestate`] ?? '');
    if (found !== null) return found;
  }
  return null;
}

/**
 * The headers with that context, unless they have one of their own. Where there is no room for it within the
 * bounds of headers they stay as they are: a message is not refused for a trace.
 */
export function withContext(
  headers: string | null,
  { traceparent, tracestate }: TraceContext,
  limits: Pick<Limits, 'headerBytesMax' | 'headerPairsMax'>,
): string | null {
  if (contextOf(headers) !== null) return headers;
  const own = headers === null ? {} : (JSON.parse(headers) as Record<string, string>);
  const { traceparent: _, tracestate: __, ...others } = own;
  const fits = (all: Record<string, string>): boolean =>
    Object.keys(all).length <= limits.headerPairsMax &&
    Buffer.byteLength(JSON.stringify(all)) <= limits.headerBytesMax;
  const short = { ...others, traceparent };
  if (!fits(short)) return headers;
  const long = tracestate === null ? short : { ...short, tracestate };
  return JSON.stringify(fits(long) ? long : short);
}

/** The headers without what tells of a trace: a retry is another part of it, and the same message. */
export function withoutContext(headers: string | null): string | null {
  if (headers === null || !(headers.includes(HINT) || headers.includes('tracestate"'))) {
    return headers;
  }
  const all = JSON.parse(headers) as Record<string, string>;
  for (const before of [EVENT, '']) {
    delete all[`${before}traceparent`];
    delete all[`${before}tracestate`];
  }
  return Object.keys(all).length === 0 ? null : JSON.stringify(all);
}
