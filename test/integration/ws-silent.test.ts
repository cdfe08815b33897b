// Goal: a session that is there is pinged once in PING_INTERVAL_S and stays; one that sends nothing whole
// for IDLE_TIMEOUT_S is told so and closed, whatever bytes trickle in.
import http from 'node:http';
import type { Duplex } from 'node:stream';
import t from 'tap';
import WebSocket from 'ws';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';

const IDLE_S = 8;
const PING_S = 3;
/** Longer than one may be idle. */
const LISTENS_S = 12;
const node = await startNode({
  IDLE_TIMEOUT_S: String(IDLE_S),
  PING_INTERVAL_S: String(PING_S),
});
t.teardown(() => node.kill9());

/** A connection that was upgraded, for bytes of one's own. */
class Raw {
  readonly socket: Duplex;
  received = Buffer.alloc(0);
  closed = false;

  constructor(socket: Duplex) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => {
      this.received = Buffer.concat([this.received, bytes]);
    });
    for (const end of ['end', 'close', 'error']) {
      socket.on(end, () => {
        this.closed = true;
      });
    }
  }

  static open(): Promise<Raw> {
    const headers = {
      ...{ Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' },
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    };
    return new Promise((resolve, reject) => {
      const request = http.get(`${node.url}/ws`, { headers });
      request.on('upgrade', (_response, socket) => resolve(new Raw(socket)));
      request.on('error', reject);
    });
  }
}

/** Header of a masked text frame with so many bytes behind it, of `more` or not. */
function header(bytes: number, more: 'more' | 'last'): Buffer {
  const first = more === 'more' ? 0x01 : 0x81;
  return Buffer.from([first, 0xfe, bytes >> 8, bytes & 0xff, 0, 0, 0, 0]);
}

/** Bytes of each write, one write ten times a second until it is closed. */
const TRICKLES: Readonly<Record<string, () => Iterator<Buffer>>> = {
  'a frame that does not end': function* () {
    yield header(60_000, 'last');
    for (;;) yield Buffer.from('x');
  },
  'a message of many frames that does not end': function* () {
    yield Buffer.concat([header(1, 'more'), Buffer.from('x')]);
    for (;;) yield Buffer.from([0x00, 0x81, 0, 0, 0, 0, 0x78]);
  },
  nothing: function* () {
    for (;;) yield Buffer.alloc(0);
  },
};

/** Ms until it was closed. */
async function lifeOf(raw: Raw, bytes: Iterator<Buffer>): Promise<number> {
  const openedAt = performance.now();
  const timer = setInterval(() => raw.socket.write(bytes.next().value), 100);
  await eventually(() => raw.closed, 3 * IDLE_S * 1_000);
  clearInterval(timer);
  return performance.now() - openedAt;
}

/** How often one that only listens is pinged, while it stays for longer than it may be idle. */
async function pingsOf(listener: WebSocket): Promise<number> {
  let pings = 0;
  listener.on('ping', () => {
    pings++;
  });
  const openedAt = performance.now();
  await eventually(() => performance.now() - openedAt > LISTENS_S * 1_000);
  return pings;
}

// They wait side by side.
const cases = await Promise.all(
  Object.entries(TRICKLES).map(async ([what, trickle]) => {
    const raw = await Raw.open();
    return { what, raw, life: lifeOf(raw, trickle()) };
  }),
);
const listener = new WebSocket(`${node.wsUrl}/ws`);
const pings = pingsOf(listener);

for (const { what, raw, life } of cases) {
  t.test(`closed in time, and told: ${what}`, async (t) => {
    const ms = await life;
    t.ok(ms >= (IDLE_S - 1) * 1_000, `closed after ${Math.round(ms)} ms`);
    t.match(raw.received.toString('latin1'), /"type":"disconnect","code":4008/);
  });
}

t.test('one that only listens is pinged once in the interval, and stays', async (t) => {
  const expected = LISTENS_S / PING_S;
  const count = await pings;
  t.ok(count >= expected - 2 && count <= expected + 2, `${count} pings in ${expected} intervals`);
  t.equal(listener.readyState, listener.OPEN);
  listener.close();
});
