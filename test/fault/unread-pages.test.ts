// Goal: clients that ask for long answers and do not read them hold a bounded amount of memory, for a
// bounded time, and others are served meanwhile; who reads, at whatever pace, gets all of it.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { request } from '../support/clients/publisher.js';
import { openRaw, type RawConnection } from '../support/clients/raw-http.js';

const MIB = 1024 * 1024;
const CLIENTS = 60;
/** More than the kernel takes for a client that does not read: some 4 MiB on loopback. */
const PAYLOAD = 'x'.repeat(6 * MIB);
/** Pages that may wait, and what is nearly no room beside them. */
const FULL = 5;
const HELD_MAX = FULL * (PAYLOAD.length + 1024);
const WRITE_DEADLINE_MS = 3_000;
const JSON_TYPE = { 'content-type': 'application/json' };

const node = await startNode({
  UNREAD_ANSWER_BYTES_MAX: String(HELD_MAX),
  WRITE_DEADLINE_MS: String(WRITE_DEADLINE_MS),
  PAYLOAD_BYTES_MAX: String(8 * MIB),
  PUBLISH_BODY_BYTES_MAX: String(9 * MIB),
});
t.teardown(() => node.kill9());

const post = (path: string, body: object): ReturnType<typeof request> =>
  request(`${node.url}${path}`, {
    ...{ method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body) },
  });

await post('/api/topics', { name: 'pages' });
await post('/api/topics', { name: 'other' });
await post('/api/publish', { topic: 'pages', payload: PAYLOAD });
const pageUrl = `${node.url}/api/topics/pages/messages`;
const page = await (await fetch(pageUrl)).text();

const held = async (): Promise<number> =>
  Number((await request(`${node.url}/api/stats`, {})).body['unread_answer_bytes']);
const rss = (): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${node.pid}/status`, 'utf8'))?.[1]) * 1024;

const ask = (path: string, method = 'GET', headers = ''): string =>
  `${method} ${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`;

/** Asks for the page and reads nothing. */
function askUnread(): RawConnection {
  const connection = openRaw(node.port);
  connection.socket.pause();
  connection.socket.write(ask('/api/topics/pages/messages'));
  return connection;
}

/** One piece at a time, of 64 KiB at most; until it is told to read on. */
function readSlowly({ socket }: RawConnection, everyMs: number): () => void {
  const reading = setInterval(() => {
    socket.once('data', () => socket.pause());
    socket.resume();
  }, everyMs);
  socket.on('close', () => clearInterval(reading));
  return () => {
    clearInterval(reading);
    socket.removeAllListeners('data').resume();
  };
}

const bodyOf = (text: string): string => text.slice(text.indexOf('\r\n\r\n') + 4);

t.test('of clients that never read, few are served, for a while', async (t) => {
  // What a page costs to make is no part of what it costs to hold.
  for (let n = 0; n < 10; n++) await (await fetch(pageUrl)).arrayBuffer();
  const before = rss();
  const clients = Array.from({ length: CLIENTS }, askUnread);
  await eventually(async () => (await held()) > HELD_MAX - page.length);
  t.ok((await held()) <= HELD_MAX, 'what waits is bounded');
  const refused = await request(pageUrl, {});
  t.equal(refused.status, 503);
  t.match(refused.body, { code: 'busy', detail: /UNREAD_ANSWER_BYTES_MAX/ });
  t.ok(refused.headers['retry-after']);
  t.equal((await post('/api/publish', { topic: 'other', payload: 1 })).status, 200);
  const messages = Array.from({ length: 600 }, (_, n) => ({ topic: 'other', payload: n }));
  const { status, body } = await post('/api/publish/batch', { messages });
  t.equal(status, 200, 'what was stored is told all the same');
  t.equal((body['results'] as object[]).length, messages.length);
  const grown = (rss() - before) / MIB;
  t.comment(`${grown.toFixed(0)} MiB more`);
  t.ok(grown < 250, `${grown.toFixed(0)} MiB more while ${CLIENTS} pages were asked for`);

  await eventually(async () => (await held()) === 0, 9_000);
  t.equal((await (await fetch(pageUrl)).text()).length, page.length, 'there is room again');
  for (const { socket } of clients) socket.resume();
  await eventually(() => clients.every((one) => one.statuses().length === 1));
  const served = clients.filter((one) => one.statuses()[0] === 200);
  t.ok(served.length >= FULL && served.length < CLIENTS / 2, `${served.length} were served`);
  await eventually(() => served.every((one) => one.isClosed()));
  for (const one of served) t.ok(one.text().length < page.length, 'it was cut off');
  const busy = clients.filter((one) => one.statuses()[0] === 503);
  t.equal(busy.length, CLIENTS - served.length);
  t.ok(busy.every((one) => one.text().includes('"code":"busy"')));
  for (const { socket } of clients) socket.destroy();
});

t.test('one that reads slowly gets all of it, and the next answer on its connection', async (t) => {
  const slow = askUnread();
  readSlowly(slow, 5);
  await eventually(() => bodyOf(slow.text()).length === page.length, 20_000);
  t.ok(bodyOf(slow.text()) === page, 'every byte');
  const next = ['/api/topics/pages/messages', '/api/topics/pages/position'].map((path) =>
    ask(path),
  );
  const answered = (count: number): Promise<void> =>
    eventually(() => slow.statuses().length === count && slow.text().endsWith('}'), 20_000);
  await answered(1);
  slow.socket.write(next[0] ?? '');
  await answered(2);
  slow.socket.write(next[1] ?? '');
  await answered(3);
  t.same(slow.statuses(), [200, 200, 200]);
  t.equal(slow.text().split(page).length, 3, 'both pages are whole');
  t.equal(await held(), 0);
  slow.socket.destroy();
});

t.test('who trickles gives way to others after a while, and not before', async (t) => {
  const clients = Array.from({ length: FULL }, askUnread);
  await eventually(async () => (await held()) > HELD_MAX - page.length);
  const sinceMs = performance.now();
  const readOn = clients.map((one) => readSlowly(one, 400));
  let status = 0;
  await eventually(async () => {
    const answer = await request(pageUrl, {});
    status = answer.status;
    return status === 200;
  }, 6_000);
  t.ok(performance.now() - sinceMs > WRITE_DEADLINE_MS / 2);
  for (const go of readOn) go();
  await eventually(() => clients.some((one) => one.isClosed()));
  for (const { socket } of clients) socket.destroy();
  await eventually(async () => (await held()) === 0);
});

t.test('the end of the connection, and a request for the head alone', async (t) => {
  const path = '/api/topics/pages/messages';
  const closing = openRaw(node.port);
  closing.socket.write(ask(path, 'GET', 'Connection: close\r\n'));
  await closing.closed();
  t.ok(bodyOf(closing.text()) === page);
  const head = await fetch(pageUrl, { method: 'HEAD' });
  t.equal(head.headers.get('content-length'), String(page.length));
  const gone = askUnread();
  await eventually(async () => (await held()) > 0);
  gone.socket.destroy();
  await eventually(async () => (await held()) === 0, 1_500);
  t.notMatch(node.output(), /died|threw/);
  t.equal(await node.stop(), 0);
});
