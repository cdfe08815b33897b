// Goal: spans are those of the SDK that is registered, of sampled traces alone, within what a second allows;
// and without an SDK there are none. In process, with the real SDK.
import { trace } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import t from 'tap';
import type { TraceContext } from '../../../src/core/trace-context.js';
import { loadSpans, tracing } from '../../../src/observe/spans.js';
import { TopicTraces } from '../../../src/topic/state/topic-traces.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const contextOf = (n: number, flags = '01'): TraceContext => {
  const span = (4096 + n).toString(16).padStart(16, '0');
  return { traceparent: `00-${TRACE}-${span}-${flags}`, tracestate: 'a=1' };
};
const limits = { traceStartsPerSecond: 2, traceSpansPerSecond: 5 };
const exporter = new InMemorySpanExporter();
const names = (): string[] => exporter.getFinishedSpans().map(({ name }) => name);
const options = (name: string) => ({ name, kind: 'INTERNAL' as const, attributes: {} });

t.test('without an SDK there is nothing', async (t) => {
  t.equal(await tracing(), 'off');
  t.equal(await loadSpans(limits), null);
  const spanProcessors = [new SimpleSpanProcessor(exporter)];
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors }));
  t.equal(await tracing(), 'on');
});

t.test('of sampled traces alone, with links to all, and so many a second', async (t) => {
  const spans = await loadSpans(limits);
  t.equal(spans?.span({ ...options('unsampled'), about: [contextOf(1, '00')] }), null);
  const mixed = [contextOf(1, '00'), contextOf(2), contextOf(3)];
  const first = spans?.span({ ...options('two'), about: mixed });
  first?.end({ more: 1 }, 'busy');
  t.match(first?.context, { traceparent: new RegExp(`^00-${TRACE}-`), tracestate: 'a=1' });
  const [told] = exporter.getFinishedSpans();
  t.equal(told?.parentSpanContext?.spanId, contextOf(2).traceparent.slice(36, 52));
  t.equal(told?.links.length, 2);
  t.match(told?.attributes, { more: 1, 'error.type': 'busy' });
  for (const name of ['root 1', 'root 2', 'root 3']) spans?.root(options(name))?.end();
  t.same(names(), ['two', 'root 1', 'root 2'], 'a third root begins in another second');
  const many = Array.from({ length: 200 }, (_, n) => contextOf(n));
  for (const name of ['many 1', 'many 2', 'many 3']) {
    spans?.span({ ...options(name), about: many })?.end();
  }
  t.same(names().slice(3), ['many 1', 'many 2'], 'five spans');
  t.equal(exporter.getFinishedSpans().at(-1)?.links.length, 128);
});

t.test('the verdicts of the newest deliveries', async (t) => {
  exporter.reset();
  const spans = await loadSpans({ traceStartsPerSecond: 0, traceSpansPerSecond: 10_000 });
  if (spans === null) throw new Error('an SDK is registered');
  const traces = new TopicTraces(spans, { name: 'a', tenant: 'default' });
  const row = (sequence: number) => ({ sequence, headers: JSON.stringify(contextOf(sequence)) });
  traces.delivered([{ sequence: 1, headers: null }, row(2), row(3)], {
    ...{ subscription: null, attempt: 1 },
  });
  const settled = (from: number, to: number) =>
    traces.settled({ verdict: 'ack', subscription: 's', from, to });
  settled(1, 1);
  settled(1, 3);
  settled(3, 3);
  settled(3, 3);
  t.same(names(), ['deliver a', 'ack a', 'ack a', 'ack a']);
  t.same(
    exporter.getFinishedSpans().map(({ links }) => links.length),
    [2, 2, 1, 1],
  );
  for (let n = 4; n <= 300; n++) traces.delivered([row(n)], { subscription: null, attempt: 1 });
  exporter.reset();
  settled(3, 3);
  t.same(names(), [], 'forgotten');
  settled(300, 300);
  t.same(names(), ['ack a']);
});
