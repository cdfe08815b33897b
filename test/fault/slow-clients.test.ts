// Goal: connections on which nothing comes, or nothing that ends, are closed on time, however many there are;
// and while they are open others connect, publish and are served.
import { readFileSync } from 'node:fs';
import net from 'node:net';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { Publisher, request } from '../support/clients/publisher.js';

const MANY = 2_000;
const FEW = 400;
/** Of this process and the node's, for each its end of each connection, and what else it opens. */
const FILES_MORE = 500;
const IDLE_S = 8;
/** uWebSockets looks every four seconds for what has waited for ten. */
const HTTP_MS = 14_000;
/** It was idle for so long, a look comes each eighth of it, and uWebSockets waits for the client's close. */
const SESSION_MS = (IDLE_S * 1.5 + 16) * 1_000;

const HEAD = 'POST /api/publish HTTP/1.1\r\nHost: a\r\n';
const UPGRADE =
  'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
/** A masked text frame of 60,000 bytes, which do not come. */
const FRAME = Buffer.from([0x81, 0xfe, 60_000 >> 8, 60_000 & 0xff, 0, 0, 0, 0]).toString('latin1');

interface Slow {
  /** Sent at once. */
  first: string;
  /** Sent each second; '' nothing. */
  drip: string;
  /** By when it has to be closed. */
  withinMs: number;
}

const SLOW: Readonly<Record<string, Slow>> = {
  nothing: { first: '', drip: '', withinMs: HTTP_MS },
  'half a request line': { first: 'GET /liv', drip: '', withinMs: HTTP_MS },
  'a head that does not end': { first: HEAD, drip: 'X-A: b\r\n', withinMs: HTTP_MS },
  'no body': { first: `${HEAD}Content-Length: 10\r\n\r\n`, drip: '', withinMs: HTTP_MS },
  'a body that trickles': {
    ...{ first: `${HEAD}Content-Length: 9000\r\n\r\n`, drip: ' ', withinMs: HTTP_MS },
  },
  'chunks that trickle': {
    ...{ first: `${HEAD}Transfer-Encoding: chunked\r\n\r\n`, drip: '1\r\n \r\n' },
    withinMs: HTTP_MS,
  },
  'a connection that was used once': {
    ...{ first: 'GET /livez HTTP/1.1\r\nHost: a\r\n\r\n', drip: '', withinMs: HTTP_MS },
  },
  'a session on which nothing comes': { first: UPGRADE, drip: '', withinMs: SESSION_MS },
  'a session whose message trickles': {
    ...{ first: `${UPGRADE}${FRAME}`, drip: 'x', withinMs: SESSION_MS },
  },
};

/** As many as this process, and the node as it, may have open. */
function countOf(): number {
  const [, limit = '0'] =
    /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  return Number(limit) >= MANY + FILES_MORE ? MANY : FEW;
}

class Opened {
  closedAtMs = 0;
  readonly kind: string;
  readonly socket: net.Socket;

  constructor(kind: string, { first }: Slow, port: number) {
    this.kind = kind;
    this.socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket.on('error', () => undefined);
    this.socket.on('data', () => undefined);
    this.socket.once('close', () => {
      this.closedAtMs = performance.now();
    });
    this.socket.once('connect', () => this.socket.write(first, 'latin1'));
  }
}

const node = await startNode({
  ...{ WORKERS: '1', IDLE_TIMEOUT_S: String(IDLE_S), PING_INTERVAL_S: '3' },
});
t.teardown(() => node.kill9());
const publisher = new Publisher(node.url);
t.teardown(() => publisher.close());
const headers = { 'content-type': 'application/json' };
await request(`${node.url}/api/topics`, { method: 'POST', headers, body: '{"name":"others"}' });

t.test('slow clients are closed on time, and do not stop others', async (t) => {
  const kinds = Object.entries(SLOW);
  const openedAtMs = performance.now();
  const all = Array.from({ length: countOf() }, (_, n) => {
    const [kind, slow] = kinds[n % kinds.length] as [string, Slow];
    return new Opened(kind, slow, node.port);
  });
  t.teardown(() => all.map(({ socket }) => socket.destroy()));
  const dripping = setInterval(() => {
    for (const { kind, socket } of all) {
      const drip = SLOW[kind]?.drip ?? '';
      if (drip !== '' && socket.writable) socket.write(drip, 'latin1');
    }
  }, 1_000);
  t.teardown(() => clearInterval(dripping));
  let isOver = false;
  const published = publisher.load({
    topics: ['others'],
    connections: 4,
    until: () => isOver,
    pauseMs: 20,
  });
  const asked: number[] = [];
  const asking = (async () => {
    while (!isOver) {
      // A connection of its own each time.
      asked.push((await request(`${node.url}/readyz`, {})).status);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  const isClosed = ({ closedAtMs }: Opened): boolean => closedAtMs !== 0;
  await eventually(() => all.every(isClosed), 2 * SESSION_MS);
  isOver = true;
  await Promise.all([published, asking]);

  for (const [kind, { withinMs }] of kinds) {
    const lives = all.filter((one) => one.kind === kind).map((one) => one.closedAtMs - openedAtMs);
    const longest = Math.max(...lives);
    t.ok(longest <= 2 * withinMs, `${kind}: closed after ${Math.round(longest)} ms at most`);
    t.comment(`${kind}: ${lives.length} closed within ${Math.round(longest)} ms`);
  }
  const refused = publisher.history.filter(({ outcome }) => outcome !== 'ok');
  t.same(refused, [], 'every publish of others was stored');
  t.ok(publisher.history.length > 100, `${publisher.history.length} publishes`);
  t.same([...new Set(asked)], [200], 'whoever connects is served');
  t.equal(node.process.exitCode, null);
  await eventually(async () => {
    const { body } = await request(`${node.url}/api/stats`, {});
    return body['sessions'] === 0 && body['total_messages'] === publisher.history.length;
  });
});
