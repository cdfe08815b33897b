// Goal: a stream leaves nothing behind, here or at the worker, whenever it ends; when the worker's thread
// is replaced it goes on from the place that the new one tells. On a real uWS app and real sockets, with
// a worker that answers when the test says so.

import uWS from 'uWebSockets.js';
import t from 'tap';
import { eventually } from '../../../../native-bench/rig/eventually.js';
import { freePort } from '../../../../native-bench/rig/free-port.js';
import { Deliveries } from '../../../../src/acceptor/delivery/deliveries.js';
import { NO_AUDIT } from '../../../../src/acceptor/http/audit-note.js';
import { Callers } from '../../../../src/acceptor/http/callers.js';
import { Exchange } from '../../../../src/acceptor/http/exchange.js';
import { openGate } from '../../../../src/acceptor/http/gate.js';
import { Guard } from '../../../../src/acceptor/http/guard.js';
import { PacedAnswers } from '../../../../src/acceptor/http/paced-answers.js';
import { Proxies } from '../../../../src/acceptor/http/proxies.js';
import { Traffic } from '../../../../src/acceptor/http/traffic.js';
import { Sessions } from '../../../../src/acceptor/session/sessions.js';
import { Streams } from '../../../../src/acceptor/session/streams.js';
import { Subscriptions } from '../../../../src/acceptor/session/subscriptions.js';
import { Workers } from '../../../../src/acceptor/workers/workers.js';
import { loadConfig } from '../../../../src/config/load-config.js';
import { systemClock } from '../../../../src/core/clock.js';
import { ANYONE } from '../../../../src/core/principal.js';
import { acceptorCounts, acceptorCountsMemory } from '../../../../src/thread/acceptor-counts.js';
import { Lease } from '../../../../src/thread/lease.js';
import type { SubscribeOp } from '../../../../src/thread/ops/subscribe.js';
import { EventStream } from '../../../support/clients/event-stream.js';
import { publisherOf } from '../../../support/clients/socket-publisher.js';
import { ScriptedWorker } from '../../../support/nodes/scripted-worker.js';
import { NO_QUOTAS } from '../../../support/tenants/no-quotas.js';

async function rig(env: Record<string, string> = {}) {
  const faults: string[] = [];
  const { config } = loadConfig(env);
  const { limits } = config;
  const guard = new Guard((_where, stack) => faults.push(stack.split('\n')[0] ?? ''));
  const app = uWS.App().ws('/ws', {});
  const callers = new Callers(config);
  const counts = acceptorCounts(acceptorCountsMemory(1), 0);
  const answers = new PacedAnswers({
    ...{ limits, guard, clock: systemClock, count: counts.unreadAnswerBytes },
  });
  const traffic = new Traffic();
  const proxies = new Proxies(config);
  const parts = { callers, proxies, answers, audit: NO_AUDIT, quotas: NO_QUOTAS, traffic };
  const common = {
    guard,
    clock: systemClock,
    limits,
    config,
    parts,
    quotas: NO_QUOTAS,
    audit: NO_AUDIT,
    gate: openGate(ANYONE),
    proxies,
    count: counts.sessions,
  };
  const workers = new Workers(1, limits, guard);
  const onMessage = (): void => undefined;
  const happened = (): void => undefined;
  const sessions = new Sessions({ ...common, onMessage, onEnded: () => undefined, happened });
  const subscriptions: Subscriptions = new Subscriptions({
    ...{ ...common, workers, deliveries: () => deliveries, receivers: () => sessions.receivers() },
  });
  const deliveries: Deliveries = new Deliveries({
    ...{
      ...common,
      sockets: publisherOf(app),
      busyShare: () => 0,
      onUnsubscribed: () => undefined,
    },
    onGap: (link, op) => subscriptions.gapTold(link, op),
    onSubscribed: (op) =>
      workers.answer(op.request, op, (waiting, answer) => waiting.subscribed(answer)),
    onLinked: (link) => subscriptions.linked(link),
    onUnlinked: (link) => subscriptions.unlinked(link),
    leaseOf: () => new Lease(Lease.memory()),
    onTurnEnd: () => undefined,
  });
  workers.sink = deliveries;
  const streams = new Streams({
    ...common,
    count: counts.streams,
    sessions,
    subscriptions,
    deliveries: () => deliveries,
  });
  app.get(
    '/:topic',
    guard.http('stream', (res, req) => {
      const start = { from: null, sequence: null, epoch: null, time: null };
      const asked = {
        topic: req.getParameter(0) ?? '',
        parts: start,
        client: null,
        form: 'message' as const,
      };
      const exchange = new Exchange(res, req, parts);
      exchange.principal = ANYONE;
      streams.open(exchange, req, asked);
    }),
  );
  const port = await freePort();
  const socket = await new Promise<uWS.us_listen_socket | false>((resolve) =>
    app.listen('127.0.0.1', port, resolve),
  );
  const started: ScriptedWorker[] = [];
  t.teardown(() => {
    answers.close();
    sessions.close();
    streams.close();
    workers.closeAll();
    for (const worker of started) worker.close();
    if (socket !== false) uWS.us_listen_socket_close(socket);
    app.close();
  });
  /** A thread takes the worker's place. */
  const startWorker = (): ScriptedWorker => {
    const worker = new ScriptedWorker();
    started.push(worker);
    workers.connect({ worker: 0, generation: started.length, port: worker.port });
    return worker;
  };
  return { faults, counts, sessions, startWorker, url: `http://127.0.0.1:${port}/a` };
}

/** The first SUBSCRIBE of a session other than `than`. */
async function subscribeTo(worker: ScriptedWorker, than?: SubscribeOp): Promise<SubscribeOp> {
  const find = (): SubscribeOp | undefined =>
    worker.subscribes.find(({ session }) => session !== than?.session);
  await eventually(() => find() !== undefined);
  return find() as SubscribeOp;
}

t.test('one that leaves before its answer comes asks for nothing more', async (t) => {
  const { faults, counts, startWorker, url } = await rig();
  const worker = startWorker();
  const leaving = new AbortController();
  const headers = { 'last-event-id': 'e:9' };
  const gone = fetch(url, { headers, signal: leaving.signal });
  const asked = await subscribeTo(worker);
  leaving.abort();
  await t.rejects(gone);
  await eventually(() => worker.ended.length === 1);
  worker.fail(asked, 'bad_cursor');
  // Behind that, on the same link and back: whatever the answer brought about has come by then.
  const opening = EventStream.open(url);
  const second = await subscribeTo(worker, asked);
  worker.open(second, 3);
  const stream = await opening;
  stream.close();
  await eventually(() => worker.ended.includes(second.session));
  t.same(worker.subscribes, [asked, second]);
  t.same(worker.ended, [asked.session, second.session], 'each end is told once');
  t.equal(counts.sessions.total, 0);
  t.same(faults, []);
});

t.test('after a replacement its place is the one that the new worker tells', async (t) => {
  const { faults, sessions, startWorker, url } = await rig();
  const first = startWorker();
  const opening = EventStream.open(url);
  first.open(await subscribeTo(first), 60);
  const stream = await opening;
  await eventually(() => stream.lastEventId === 'e:60');
  const second = startWorker();
  const again = await subscribeTo(second);
  t.match(again.options.start, { from: 'sequence', sequence: 61, epoch: 'e' });
  // The log that it was moved to ends before what the first had committed.
  const gap = { from: 31, to: 60, reason: 'failover' as const };
  second.open(again, 30, { epoch: 'f', recovered: false, gap });
  await eventually(() => stream.of('gap').length === 1);
  t.match(stream.events, [{ id: 'f:30', data: gap }]);
  const [receiver] = sessions.receivers();
  t.equal(receiver?.links.length, 1, 'the link to the first is kept no more');
  stream.close();
  await eventually(() => second.ended.length === 1);
  t.same(faults, []);
});

t.test(
  'what it is told that it will not get is told on, and is behind it from then on',
  async (t) => {
    const { faults, startWorker, url } = await rig();
    const first = startWorker();
    const opening = EventStream.open(url);
    const asked = await subscribeTo(first);
    first.open(asked, 4);
    const stream = await opening;
    const gap = { from: 5, to: 8, reason: 'retention' as const };
    first.gap(asked, { sequence: 9, delivered: 8, epoch: 'f', gap });
    await eventually(() => stream.of('gap').length === 1);
    t.match(stream.events, [{ id: 'f:8', data: gap }]);
    const again = await subscribeTo(startWorker());
    t.match(again.options.start, { from: 'sequence', sequence: 9, epoch: 'f' });
    stream.close();
    t.same(faults, []);
  },
);

t.test(
  'when the log falls back it is behind where it stands, not behind what was lost',
  async (t) => {
    const { faults, startWorker, url } = await rig();
    const first = startWorker();
    const opening = EventStream.open(url);
    const asked = await subscribeTo(first);
    first.open(asked, 9);
    const stream = await opening;
    const gap = { from: 5, to: 9, reason: 'failover' as const };
    first.gap(asked, { sequence: 7, delivered: 4, epoch: 'f', gap });
    await eventually(() => stream.of('gap').length === 1);
    t.match(stream.events, [{ id: 'f:4', data: gap }]);
    first.page(asked, { round: 0, sequence: 6 });
    first.page(asked, { round: 1, sequence: 5 });
    await eventually(() => stream.of('message').length > 0);
    t.same(stream.sequences(), [5], 'only pages of the round that it starts are taken');
    // What the worker thinks that it has, and its socket refused, it has not.
    first.gap(asked, { sequence: 8, delivered: 7, epoch: 'g', gap });
    await eventually(() => stream.of('gap').length === 2);
    const again = await subscribeTo(startWorker());
    t.match(again.options.start, { from: 'sequence', sequence: 6, epoch: 'g' });
    stream.close();
    t.same(faults, []);
  },
);

t.test('while the new worker cannot serve it, it is asked again, and goes on then', async (t) => {
  const { faults, startWorker, url } = await rig();
  const first = startWorker();
  const opening = EventStream.open(url);
  first.open(await subscribeTo(first), 4);
  const stream = await opening;
  const second = startWorker();
  const askedAtMs: number[] = [];
  for (let times = 1; times <= 5; times++) {
    await eventually(() => second.subscribes.length === times);
    askedAtMs.push(performance.now());
    for (const op of second.subscribes.slice(-1)) second.fail(op, 'log_unavailable');
  }
  const waitedMs = (askedAtMs[4] ?? 0) - (askedAtMs[3] ?? 0);
  t.ok(waitedMs > 700, `the fourth wait was ${waitedMs} ms`);
  await eventually(() => second.subscribes.length === 6);
  const gap = { from: 5, to: 6, reason: 'retention' as const };
  for (const op of second.subscribes.slice(-1)) second.open(op, 6, { recovered: false, gap });
  await eventually(() => stream.of('gap').length === 1);
  t.match(stream.events, [{ id: 'e:6', data: gap }]);
  stream.close();
  await eventually(() => second.ended.length === 1);
  t.same(faults, []);
});

t.test('a fault while it is being opened is answered 500, and its place is free', async (t) => {
  const { faults, counts, startWorker, url } = await rig();
  const worker = startWorker();
  const opening = fetch(url);
  const asked = await subscribeTo(worker);
  t.equal(counts.sessions.total, 1);
  worker.answerWrongly(asked);
  const answer = await opening;
  t.equal(answer.status, 500);
  await answer.text();
  await eventually(() => worker.ended.length === 1);
  t.same(worker.ended, [asked.session]);
  t.equal(counts.sessions.total, 0);
  t.same(faults, ['Error: ACKED for a SubscribeWaiting']);
});

t.test('pings are spread over their interval, and each stream has its own', async (t) => {
  const { startWorker, url } = await rig({ PING_INTERVAL_S: '4' });
  const worker = startWorker();
  const streams: EventStream[] = [];
  for (let n = 0; n < 8; n++) {
    const opening = EventStream.open(url);
    await eventually(() => worker.subscribes.length > n);
    for (const op of worker.subscribes.slice(-1)) worker.open(op, 0);
    streams.push(await opening);
  }
  // The first comment is that of the connection.
  const pinged = (): number => streams.filter(({ comments }) => comments > 1).length;
  await eventually(() => pinged() > 0);
  t.ok(pinged() < 8, `${pinged()} of 8 at once`);
  await eventually(() => pinged() === 8, 8_000);
  for (const stream of streams) stream.close();
});
