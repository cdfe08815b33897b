// Goal: bytes that are no WebSocket frames (RFC 6455) end their own connection, and nobody else's; what is
// one by the letter and a nuisance is bounded: thousands of fragments, of pings, a message that never ends.
// A session beside them is served all the while. Frames on which nothing more comes are in
// ws-silent.test.ts and test/fault/slow-clients.test.ts, compressed ones in compression.test.ts.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { DEFAULT_LIMITS, WS_MESSAGE_TIMES_MAX } from '../../src/core/limits.js';
import { openRaw, type RawConnection } from '../support/clients/raw-http.js';
import { Subscriber } from '../support/clients/subscriber.js';

const HANDSHAKE =
  'GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Protocol: conduit.json.v1\r\n\r\n';
const [CONTINUATION, TEXT, CLOSE, PING, FIN] = [0, 1, 8, 9, 0x80];
/** Beyond it uWebSockets itself cuts the connection. */
const MESSAGE_BYTES_MAX = DEFAULT_LIMITS.wsMessageBytesMax * WS_MESSAGE_TIMES_MAX;

const node = await startNode({ WORKERS: '1' });
t.teardown(() => node.kill9());
const witness = await Subscriber.open(node.wsUrl, 'json');
t.teardown(() => witness.close());
let asked = 0;

/** It is still there, and served. */
async function witnessIsServed(): Promise<void> {
  const ref = `witness-${++asked}`;
  witness.send({ type: 'heartbeat', ref });
  await witness.waitFor((frame) => frame['ref'] === ref);
}

/** `first`: the first byte, flags and opcode. Masked with zeros, which leaves the payload as it is. */
function frame(first: number, payload: Buffer | string = ''): Buffer {
  const bytes = Buffer.from(payload);
  const [length, more] =
    bytes.length < 126
      ? [bytes.length, Buffer.alloc(0)]
      : [126, Buffer.from([bytes.length >> 8, bytes.length & 0xff])];
  return Buffer.concat([Buffer.from([first, 0x80 | length]), more, Buffer.alloc(4), bytes]);
}

const closing = (code: number, reason: Buffer | string = ''): Buffer =>
  frame(FIN | CLOSE, Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]));

async function openSession(): Promise<RawConnection> {
  const raw = openRaw(node.port);
  raw.socket.write(HANDSHAKE);
  await eventually(() => raw.statuses().length === 1);
  return raw;
}

const HUGE = [0x7f, 0x80, 0xff, 0xc0].map((top): [string, Buffer] => [
  `a length of 0x${top.toString(16)}ff...`,
  Buffer.from([FIN | TEXT, 0xff, top, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]),
]);
const RESERVED = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode): [string, Buffer] => [
  `the reserved opcode ${opcode}`,
  frame(FIN | opcode),
]);
const BAD_CLOSES = [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65_535].map(
  (code): [string, Buffer] => [`a close of ${code}`, closing(code)],
);

const BROKEN: readonly [what: string, bytes: Buffer][] = [
  ['reserved bit 1', frame(FIN | 0x40 | TEXT, 'A')],
  ['reserved bit 2', frame(FIN | 0x20 | TEXT, 'A')],
  ['reserved bit 3', frame(FIN | 0x10 | TEXT, 'A')],
  ...RESERVED,
  ['a fragmented ping', frame(PING)],
  ['a fragmented close', frame(CLOSE)],
  ['a ping of 126 bytes', frame(FIN | PING, 'x'.repeat(126))],
  ['a continuation of nothing', frame(FIN | CONTINUATION)],
  [
    'another text within a fragmented one',
    Buffer.concat([frame(TEXT, '{'), frame(FIN | TEXT, '}')]),
  ],
  ...HUGE,
  ['a close of 1 byte', frame(FIN | CLOSE, 'x')],
  ...BAD_CLOSES,
  ['a close whose reason is no UTF-8', closing(1000, Buffer.from([0xff]))],
  ['no UTF-8', frame(FIN | TEXT, Buffer.from([0xc0, 0x80]))],
  [
    'no UTF-8, over two fragments',
    Buffer.concat([
      frame(TEXT, Buffer.from([0xe2])),
      frame(FIN | CONTINUATION, Buffer.from([0x28, 0xa1])),
    ]),
  ],
  ['UTF-8 that is cut short', frame(FIN | TEXT, Buffer.from([0xe2, 0x82]))],
  [
    'fragments that are more than a message may be',
    Buffer.concat([
      frame(TEXT, ' '.repeat(60_000)),
      ...Array.from({ length: MESSAGE_BYTES_MAX / 60_000 + 1 }, () =>
        frame(CONTINUATION, ' '.repeat(60_000)),
      ),
    ]),
  ],
];

t.test('what is no frame ends its connection', async (t) => {
  for (const [what, bytes] of BROKEN) {
    const raw = await openSession();
    raw.socket.write(bytes);
    const isClosed = await raw.closed().then(
      () => true,
      () => false,
    );
    t.ok(isClosed, what);
    await witnessIsServed();
  }
});

t.test('a heartbeat in thousands of fragments is one heartbeat', async (t) => {
  const text = `{"type":"heartbeat","ref":"whole","more":"${'x'.repeat(10_000)}"}`;
  const raw = await openSession();
  const last = text.length - 1;
  const fragments = [...text].map((char, n) =>
    frame((n === last ? FIN : 0) | (n === 0 ? TEXT : CONTINUATION), char),
  );
  // Pings may stand between fragments.
  fragments.splice(5_000, 0, frame(FIN | PING, 'between'));
  raw.socket.write(Buffer.concat(fragments));
  await eventually(() => raw.text().includes('"ref":"whole"'));
  t.match(raw.text(), 'between', 'the pong');
  t.notOk(raw.isClosed());
  raw.socket.destroy();
  await witnessIsServed();
});

t.test('pings without end, of one who reads nothing, hold nobody up', async (t) => {
  const raw = await openSession();
  raw.socket.pause();
  const many = Buffer.concat(
    Array.from({ length: 2_000 }, () => frame(FIN | PING, 'x'.repeat(125))),
  );
  for (let n = 0; n < 50 && !raw.isClosed(); n++) {
    raw.socket.write(many);
    await witnessIsServed();
  }
  t.pass('100,000 of them');
  raw.socket.destroy();
});

t.test('one that ends its half of the connection is closed and forgotten', async (t) => {
  const sessions = async (): Promise<number> => {
    const answer = await fetch(`${node.url}/api/stats`);
    return Number(((await answer.json()) as { sessions: number }).sessions);
  };
  await eventually(async () => (await sessions()) === 1);
  const raw = await openSession();
  await eventually(async () => (await sessions()) === 2);
  raw.socket.end();
  await raw.closed();
  await eventually(async () => (await sessions()) === 1);
  t.equal(witness.closed, null);
});
