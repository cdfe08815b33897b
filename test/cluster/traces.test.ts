// Goal: with the SDK that docs/tracing.md loads, a publish at one node and what comes of it at the other are
// one trace: publish, commit, deliver, ack; what is not sampled makes no span; a publish without a context
// begins one.
// Method: two real nodes, the real SDK and its exporter, a collector of the test's own.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { PACKAGE_FOLDER } from '../../native-bench/rig/node.js';
import { request } from '../support/clients/publisher.js';
import { type Frame, Subscriber } from '../support/clients/subscriber.js';
import { postJson, startPair } from '../support/nodes/node-pair.js';
import { OtlpCollector } from '../support/servers/otlp-collector.js';

t.setTimeout(600_000);
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = `00-${TRACE}-00f067aa0ba902b7-01`;
const JSON_TYPE = { 'content-type': 'application/json' };
const traceOf = (n: number): string => `${TRACE.slice(0, -2)}${n}`;
const parentOf = (n: number): string => PARENT.replace(TRACE, traceOf(n));
const of = (frame: Frame | undefined): Record<string, string> =>
  (frame?.['headers'] ?? {}) as Record<string, string>;

/** As an operator would have it; it finds the SDK where this package does. */
function preload(): string {
  const page = readFileSync(path.join(PACKAGE_FOLDER, 'docs/tracing.md'), 'utf8');
  const [, code = ''] = /```js\n([\s\S]*?)```/.exec(page) ?? [];
  const folder = path.join(PACKAGE_FOLDER, 'dist/test/traces');
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `otel-${process.pid}.mjs`);
  writeFileSync(file, code);
  return file;
}

const collector = await OtlpCollector.open(t);
const { a, b } = await startPair(t, {
  NODE_OPTIONS: `--import ${preload()}`,
  OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  OTEL_BSP_SCHEDULE_DELAY: '100',
  TRACE_STARTS_PER_SECOND: '0',
});
for (const name of ['traced', 'durable', 'other']) await postJson(b, '/api/topics', { name });
const publish = async (body: object, headers: Record<string, string> = {}): Promise<void> => {
  const sent = {
    method: 'POST',
    headers: { ...JSON_TYPE, ...headers },
    body: JSON.stringify(body),
  };
  const answer = await request(`${b.url}/api/publish`, sent);
  t.equal(answer.status, 200, JSON.stringify(answer.body));
};

t.test('publish, commit, deliver, ack: one trace over two nodes', async (t) => {
  const session = await Subscriber.open(a.wsUrl);
  await session.subscribe('traced', { ack: 'explicit' });
  await publish({ topic: 'traced', payload: 1 }, { traceparent: PARENT, tracestate: 'a=1' });
  await eventually(() => session.messages.length === 1);
  t.same(of(session.messages[0]), { traceparent: PARENT, tracestate: 'a=1' });
  session.send({ type: 'ack', topic: 'traced', sequence: 1 });
  await eventually(() => collector.of(TRACE).length === 4);
  const spans = collector.of(TRACE).sort((one, other) => (one.name < other.name ? -1 : 1));
  t.same(
    spans.map(({ node, name, kind, parentSpanId }) => [node, name, kind, parentSpanId]),
    [
      ['a', 'ack traced', 1, '00f067aa0ba902b7'],
      ['b', 'commit traced', 1, '00f067aa0ba902b7'],
      ['a', 'deliver traced', 5, '00f067aa0ba902b7'],
      ['b', 'publish traced', 4, '00f067aa0ba902b7'],
    ],
  );
  for (const { attributes, links, name } of spans) {
    t.match(attributes, { 'messaging.system': 'conduit', 'messaging.destination.name': 'traced' });
    t.equal(attributes['conduit.sequence'], 1, name);
    t.match(links, [{ traceId: TRACE, spanId: '00f067aa0ba902b7' }]);
  }
  const [ack, commit, , sent] = spans;
  t.match(ack?.attributes, { 'messaging.operation.type': 'settle' });
  t.match(sent?.attributes, { 'messaging.operation.type': 'send' });
  t.match(sent?.attributes['messaging.message.id'], /^[0-9a-f-]{36}$/);
  t.ok(BigInt(commit?.endTimeUnixNano ?? 0) > BigInt(commit?.startTimeUnixNano ?? 0));
  session.socket.close();
});

t.test(
  'a durable subscription: given one by one, nacked, given again, all of it linked',
  async (t) => {
    const options = { subscription: 'work', ack: 'explicit', ordering: 'key' };
    const session = await Subscriber.open(a.wsUrl, 'msgpack');
    await session.subscribe('durable', options);
    await publish({ topic: 'durable', payload: 1, headers: { traceparent: parentOf(31) } });
    await eventually(() => session.messages.length === 1);
    session.send({
      type: 'nack',
      topic: 'durable',
      subscription: 'work',
      sequence: 1,
      delay_ms: 0,
    });
    await eventually(() => session.messages.length === 2);
    t.equal(of(session.messages[1])['traceparent'], parentOf(31), 'with its context again');
    session.send({ type: 'ack', topic: 'durable', subscription: 'work', sequence: 1 });
    const told = (name: string) => collector.of(traceOf(31)).filter((one) => one.name === name);
    await eventually(() => told('ack durable').length === 1);
    await eventually(() => told('deliver durable').length === 2);
    const attempts = told('deliver durable').map(({ attributes }) => attributes['conduit.attempt']);
    t.same(attempts.sort(), [1, 2]);
    t.equal(told('nack durable').length, 1);
    t.match(told('ack durable')[0]?.attributes, {
      'messaging.destination.subscription.name': 'work',
    });
    session.socket.close();
  },
);

t.test('a batch is one span; who is not sampled, or of no trace, is in none', async (t) => {
  const from = collector.spans.length;
  await publish({ topic: 'other', payload: 0 });
  await publish({ topic: 'other', payload: 0 }, { traceparent: parentOf(32).replace(/01$/, '00') });
  await publish({ topic: 'other', payload: 0 }, { traceparent: 'nonsense' });
  const item = (n: number) => ({
    topic: 'other',
    payload: n,
    headers: { traceparent: parentOf(n) },
  });
  const messages = [item(40), item(41), { topic: 'other', payload: 0 }];
  t.equal((await postJson(b, '/api/publish/batch', { messages })).status, 200);
  await eventually(() => collector.spans.slice(from).some(({ name }) => name.startsWith('commit')));
  await eventually(() =>
    collector.spans.slice(from).some(({ name }) => name.startsWith('publish')),
  );
  const spans = collector.spans.slice(from);
  t.same(
    spans.map(({ name, traceId }) => [name, traceId]).sort(),
    [
      ['commit other', traceOf(40)],
      ['publish other', traceOf(40)],
    ],
    'of the first, with links to all',
  );
  for (const { links = [], attributes } of spans) {
    t.same(links.map(({ traceId }) => traceId).sort(), [traceOf(40), traceOf(41)]);
    t.equal(attributes['messaging.batch.message_count'], 3);
  }
});
