// Goal: a head that is none, or that others might read otherwise, runs nothing, and nothing behind it runs:
// it is refused, or its connection is closed unanswered (docs/security.md#http says which, by the Node).
// Lengths and codings of bodies: http-framing.test.ts; keys in heads: keys.test.ts; Host, Origin and
// X-Forwarded-For: callers.test.ts and proxies.test.ts; heads that do not end:
// test/fault/slow-clients.test.ts.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { request } from '../support/clients/publisher.js';
import { openRaw, sendRaw } from '../support/clients/raw-http.js';

const node = await startNode({ WORKERS: '1' });
t.teardown(() => node.kill9());
const JSON_TYPE = { 'content-type': 'application/json' };
const TOPIC = 'heads';
await request(`${node.url}/api/topics`, {
  ...{ method: 'POST', headers: JSON_TYPE, body: `{"name":"${TOPIC}"}` },
});
const BODY = `{"topic":"${TOPIC}","payload":1}`;
const LENGTH = `Content-Length: ${BODY.length}`;
const WHOLE = `POST /api/publish HTTP/1.1\r\nHost: a\r\n${LENGTH}\r\n\r\n${BODY}`;
const SIZE = BODY.length.toString(16);

const publish = (lines: string, line = 'POST /api/publish HTTP/1.1'): string =>
  `${line}\r\n${lines}\r\n${LENGTH}\r\n\r\n${BODY}`;
const chunked = (size: string): string =>
  `POST /api/publish HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${size}\r\n${BODY}\r\n0\r\n\r\n`;

/** Statuses: those that may be the answer. None is the end of the connection without one. */
const REFUSED: readonly [what: string, bytes: string, statuses: number[]][] = [
  ['a folded line', publish('Host: a\r\nX-A: b\r\n c'), [400]],
  ['a folded first line', publish(' Host: a'), [400]],
  ['a space before a colon', publish('Host: a\r\nX-A : b'), [400]],
  ['a tab before a colon', publish('Host: a\r\nX-A\t: b'), [400]],
  ['a line without a name', publish('Host: a\r\n: b'), [400, 505]],
  ['a line without a colon', publish('Host: a\r\nX-A'), [400, 505]],
  ['NUL in a value', publish('Host: a\r\nX-A: b\u0000c'), [400]],
  ['NUL in a name', publish('Host: a\r\nX-\u0000A: b'), [400]],
  ['CR in a value', publish('Host: a\r\nX-A: b\rX-B: c'), [400]],
  ['LF for a line', publish('Host: a\nX-A: b'), [400]],
  ['LF for every line', WHOLE.replaceAll('\r\n', '\n'), [400, 505]],
  ['no Host', publish('X-A: b'), [400]],
  [
    'a hundred lines',
    publish(`Host: a\r\n${Array.from({ length: 100 }, (_, n) => `X-${n}: 1`).join('\r\n')}`),
    [431],
  ],
  ['a length with a sign', WHOLE.replace(LENGTH, `Content-Length: +${BODY.length}`), [400]],
  ['a chunk of no size', chunked('zz'), [400]],
  ['a chunk of a negative size', chunked(`-${SIZE}`), [400]],
  ['a chunk of a size with 0x', chunked(`0x${SIZE}`), [400]],
  ['a chunk of 2^70 bytes', chunked(`fffffffffffffffff${SIZE}`), [400]],
  ['HTTP/1.0', publish('Host: a', 'POST /api/publish HTTP/1.0'), [505]],
  ['HTTP/2.0', publish('Host: a', 'POST /api/publish HTTP/2.0'), [505]],
  ['HTTP/0.9', 'POST /api/publish\r\n\r\n', [505]],
  ["HTTP/2's preface", 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [505]],
  ['an absolute URI', publish('Host: a', 'POST http://b/api/publish HTTP/1.1'), [505]],
  ['CONNECT', publish('Host: a', 'CONNECT a:1 HTTP/1.1'), [505]],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', [400, 505]],
];

/** A method that there is not is answered, and its body is read past. */
const METHODS = ['post', 'PUBLISH', 'TRACE', ''];

t.test('what is no head, with a publish in it and one behind it', async (t) => {
  // All at once: some wait for their end.
  const all = REFUSED.map(async ([what, bytes, statuses]) => {
    const { statuses: answered } = await sendRaw(node.port, `${bytes}${WHOLE}`);
    const [status] = answered();
    t.ok(status === undefined || statuses.includes(status), `${what}: ${status}`);
    t.ok(answered().length <= 1, `${what}: one answer`);
  });
  await Promise.all(all);
  const { body } = await request(`${node.url}/api/topics/${TOPIC}/position`, {});
  t.equal(body['sequence'], 0, 'nothing was stored');
});

t.test('a method that there is not', async (t) => {
  for (const method of METHODS) {
    const raw = openRaw(node.port);
    raw.socket.write(publish('Host: a', `${method} /api/publish HTTP/1.1`));
    await eventually(() => raw.statuses().length > 0 || raw.isClosed());
    t.match(raw.statuses()[0] ?? 405, 405, method);
    raw.socket.destroy();
  }
  const { body } = await request(`${node.url}/api/topics/${TOPIC}/position`, {});
  t.equal(body['sequence'], 0);
});

t.test('what asks for more than HTTP/1.1 is served by it', async (t) => {
  const upgrade = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk';
  const served: [what: string, lines: string, statuses: number[]][] = [
    ['Expect: 100-continue', 'Expect: 100-continue', [100, 200]],
    ['Expect of something else', 'Expect: the-best', [200]],
    ['h2c', upgrade, [200]],
    ['TE: trailers', 'TE: trailers', [200]],
    [
      'who it says that it is',
      'X-Tenant: other\r\nX-Internal-Secret: x\r\nForwarded: for=b',
      [200],
    ],
  ];
  for (const [what, lines, statuses] of served) {
    const raw = openRaw(node.port);
    raw.socket.write(publish(`Host: a\r\n${lines}`));
    await eventually(() => raw.statuses().length >= statuses.length);
    t.same(raw.statuses(), statuses, what);
    raw.socket.destroy();
  }
  const { body } = await request(`${node.url}/api/topics/${TOPIC}/position`, {});
  t.equal(body['sequence'], served.length);
});
