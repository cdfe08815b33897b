// Goal: a client of server-sent events that stops reading is fed at its own pace, and gets all of it,
// to the last byte; one that never reads costs a bounded amount of memory, for a bounded time.
import { readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode, type TestNode } from '../../native-bench/rig/node.js';
import { EventStream } from '../support/clients/event-stream.js';
import { request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';

const MIB = 1024 * 1024;
const JSON_TYPE = { 'content-type': 'application/json' };
const BATCH = 50;
const MESSAGES = JSON.stringify({
  messages: Array.from({ length: BATCH }, () => ({ topic: 'slow', payload: 'x'.repeat(20_000) })),
});

/** About a MiB. */
async function publishBatch(node: TestNode): Promise<void> {
  const options = { method: 'POST', headers: JSON_TYPE, body: MESSAGES };
  t.equal((await request(`${node.url}/api/publish/batch`, options)).status, 200);
}

async function start(): Promise<{ node: TestNode; url: string }> {
  const node = await startNode({ WRITE_DEADLINE_MS: '3000' });
  t.teardown(() => node.kill9());
  const body = '{"name":"slow"}';
  await request(`${node.url}/api/topics`, { method: 'POST', headers: JSON_TYPE, body });
  return { node, url: `${node.url}/api/topics/slow/events` };
}

t.test('one that reads again gets all of it, to the last byte', async (t) => {
  const { node, url } = await start();
  // Somewhere among these the last page fills the socket's buffers, and uWS keeps its end: that has to
  // go by itself, since nothing more is published, and no ping comes for 25 s.
  for (let batches = 1; batches <= 12; batches++) {
    const stream = await EventStream.open(url);
    await eventually(() => stream.lastEventId !== '');
    stream.response.pause();
    for (let n = 0; n < batches; n++) await publishBatch(node);
    stream.response.resume();
    await eventually(() => stream.of('message').length === batches * BATCH, 12_000);
    const [first] = stream.sequences();
    const all = Array.from({ length: batches * BATCH }, (_, n) => Number(first) + n);
    t.same(stream.sequences(), all, `${batches} MiB`);
    stream.close();
  }
});

const fdsOf = (node: TestNode): number => readdirSync(`/proc/${node.pid}/fd`).length;
const rssOf = (node: TestNode): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${node.pid}/status`, 'utf8'))?.[1]) * 1024;

/** 100 KB every 100 ms, until it is closed. */
function readSlowly(socket: net.Socket): void {
  const reading = setInterval(() => socket.read(Math.min(100_000, socket.readableLength)), 100);
  socket.on('readable', () => undefined);
  socket.on('close', () => clearInterval(reading));
}

t.test('ones that read slowly are bounded and go on; ones that never read are cut', async (t) => {
  const { node, url } = await start();
  const other = await Subscriber.open(node.wsUrl, 'json');
  other.keep = false;
  await other.subscribe('slow', { ack: 'none' });
  // The log in memory has its size before it is measured.
  for (let n = 0; n < 80; n++) await publishBatch(node);
  const before = { rss: rssOf(node), fds: fdsOf(node) };
  const sockets = Array.from({ length: 40 }, (_, n) => {
    const socket = net.connect({ port: node.port, host: '127.0.0.1' });
    socket.on('error', () => undefined);
    socket.write(`GET ${new URL(url).pathname} HTTP/1.1\r\nHost: x\r\n\r\n`);
    socket.pause();
    if (n % 2 === 0) readSlowly(socket);
    return socket;
  });
  await eventually(async () => {
    const { body } = await request(`${node.url}/api/stats`, {});
    return body['streams'] === 40;
  });
  for (let n = 0; n < 60; n++) await publishBatch(node);
  const grown = (rssOf(node) - before.rss) / MIB;
  t.comment(`${grown.toFixed(0)} MiB more`);
  t.ok(grown < 100, `${grown.toFixed(0)} MiB more while 40 streams lag`);
  await eventually(async () => {
    const { body } = await request(`${node.url}/api/stats`, {});
    return body['streams'] === 20 && fdsOf(node) <= before.fds + 22;
  }, 9_000);
  t.same(other.disorder, []);
  t.equal(other.closed, null, 'nobody else noticed');
  for (const socket of sockets) socket.destroy();
  other.close();
  t.equal(await node.stop(), 0);
});
