// Goal: a request whose end others might see elsewhere is refused and its connection closed, so that nothing
// behind it runs; a body that does not end is answered. It holds for the uWebSockets of every Node.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { request } from '../support/clients/publisher.js';
import { openRaw, sendRaw } from '../support/clients/raw-http.js';

const node = await startNode();
t.teardown(() => node.kill9());
const { port } = node;
const JSON_TYPE = { 'content-type': 'application/json' };
await request(`${node.url}/api/topics`, {
  method: 'POST',
  headers: JSON_TYPE,
  body: '{"name":"framed"}',
});

const BODY = '{"topic":"framed","payload":1}';
const HEAD = 'POST /api/publish HTTP/1.1\r\nHost: a\r\n';
const WHOLE = `${HEAD}Content-Length: ${BODY.length}\r\n\r\n${BODY}`;
const CHUNKS = `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`;

let stored = 0;
/** Nothing that was sent before this publish has been stored but what was counted. */
async function nothingStored(what: string): Promise<void> {
  stored++;
  const answer = await request(`${node.url}/api/publish`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: BODY,
  });
  t.equal(answer.body.sequence, stored, `${what}: nothing was stored`);
}

const CODINGS = [
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding: identity',
  'Transfer-Encoding: gzip',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: chunked, chunked',
  'Transfer-Encoding: chunked;a=b',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip',
];

t.test('a transfer coding that is not chunked, on every route', async (t) => {
  for (const coding of CODINGS) {
    const told = await sendRaw(port, `${HEAD}${coding}\r\n\r\n${CHUNKS}`);
    t.same(told.statuses(), [400], coding);
    t.match(told.text(), '"code":"bad_request"');
    t.match(told.text(), '"field":"Transfer-Encoding"');
    await nothingStored(coding);
    await sendRaw(port, `${HEAD}${coding}\r\n\r\n${CHUNKS}${WHOLE}`);
    await nothingStored(`${coding}, and a publish behind it`);
  }
  for (const line of [
    'GET /livez',
    'GET /nowhere',
    'GET /ws',
    'HEAD /livez',
    'OPTIONS /livez',
    'PUT /livez',
    'DELETE /api/topics/framed',
    'POST /api/topics',
  ]) {
    const told = await sendRaw(
      port,
      `${line} HTTP/1.1\r\nHost: a\r\n${CODINGS[0]}\r\n\r\n${CHUNKS}`,
    );
    t.same(told.statuses(), [400], line);
  }
  t.equal((await request(`${node.url}/api/topics/framed`, {})).status, 200);
});

t.test('a length beside chunks, and lengths that are none', async (t) => {
  for (const headers of [
    `Content-Length: ${BODY.length}\r\nTransfer-Encoding: chunked`,
    `Transfer-Encoding: chunked\r\nContent-Length: ${CHUNKS.length}`,
    `Content-Length: ${BODY.length}\r\nTransfer-Encoding: gzip`,
    `Content-Length: ${BODY.length}, ${BODY.length}`,
    `Content-Length: -${BODY.length}`,
    `Content-Length: 0x${BODY.length.toString(16)}`,
    'Content-Length: 99999999999999999999',
  ]) {
    const told = await sendRaw(port, `${HEAD}${headers}\r\n\r\n${BODY}`);
    t.same(told.statuses(), [400], headers);
    await nothingStored(headers);
  }
});

t.test('a body that has no length is none, and does not run as a request', async (t) => {
  for (const headers of ['', 'Content-Length: \r\n', 'Transfer-Encoding: \r\n']) {
    for (const line of ['POST /api/publish', 'POST /api/publish/batch', 'POST /api/topics']) {
      const head = `${line} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`;
      const told = await sendRaw(port, head);
      t.same(told.statuses(), [400], `${line} ${headers}`);
      t.match(told.text(), '"code":"empty_body"');
      await sendRaw(port, `${head}${WHOLE}`);
      await nothingStored(`behind ${line} ${headers}`);
    }
  }
});

t.test('chunks are taken, however their coding is spelt', async (t) => {
  for (const coding of ['chunked', 'Chunked', 'CHUNKED']) {
    const connection = openRaw(port);
    const one = `${HEAD}Transfer-Encoding: ${coding}\r\n\r\n${CHUNKS}`;
    connection.socket.write(one);
    await eventually(() => connection.statuses().length === 1);
    connection.socket.write(one);
    await eventually(() => connection.statuses().length === 2);
    t.same(connection.statuses(), [200, 200], coding);
    connection.socket.destroy();
    stored += 2;
  }
  await nothingStored('twice each');
});

t.test('trailers, which uWebSockets does not take, leave nothing behind', async (t) => {
  const chunks = CHUNKS.replace(/\r\n$/, 'X-Trailer: 1\r\n\r\n');
  const told = await sendRaw(port, `${HEAD}Transfer-Encoding: chunked\r\n\r\n${chunks}`);
  t.same(told.statuses(), [505]);
  await nothingStored('trailers');
});

t.test('a body over the bound is answered 413 and nothing behind it runs', async (t) => {
  const part = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
  const chunked = `${HEAD}Transfer-Encoding: chunked\r\n\r\n${part.repeat(6)}`;
  const told = openRaw(port);
  told.socket.write(chunked);
  await told.closed();
  t.same(told.statuses(), [413]);
  t.match(told.text(), /\r\nConnection: close\r\n/i);
  await sendRaw(port, `${chunked}0\r\n\r\n${WHOLE}`);
  await nothingStored('chunks');
  const declared = `${HEAD}Content-Length: 330000\r\n\r\n`;
  t.same((await sendRaw(port, declared)).statuses(), [413]);
  await sendRaw(port, `${declared}${'x'.repeat(330_000)}${WHOLE}`);
  await nothingStored('a length');
});

t.test('nothing runs behind a request that closes the connection', async (t) => {
  for (const [line, body, status] of [
    ['GET /livez', '', 200],
    ['HEAD /livez', '', 200],
    ['OPTIONS /api/topics', '', 204],
    ['GET /nowhere', '', 404],
    ['POST /api/publish', '{}', 400],
    ['GET /api/topics', '', 200],
  ] as const) {
    const length = body === '' ? '' : `Content-Length: ${body.length}\r\n`;
    const one = `${line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${length}\r\n${body}`;
    const told = openRaw(port);
    told.socket.write(one);
    await eventually(() => told.statuses().length === 1);
    t.same(told.statuses(), [status], line);
    told.socket.destroy();
    await sendRaw(port, `${one}${WHOLE}`);
    await nothingStored(`behind ${line}`);
  }
});

t.test('a body that does not end is answered 408', async (t) => {
  const topics = 'POST /api/topics HTTP/1.1\r\nHost: a\r\n';
  const bodies: [what: string, bytes: string][] = [
    [
      'a chunk extension',
      `${HEAD}Transfer-Encoding: chunked\r\n\r\n${CHUNKS.replace('\r\n', ';a=b\r\n')}`,
    ],
    ['half a chunk', `${HEAD}Transfer-Encoding: chunked\r\n\r\n${CHUNKS.slice(0, 9)}`],
    ['nothing', `${HEAD}Content-Length: 10\r\n\r\n`],
    ['half a body', `${HEAD}Content-Length: 10\r\n\r\n{"a`],
    ['half a control body', `${topics}Content-Length: 10\r\n\r\n{"a`],
  ];
  const trickle = openRaw(port);
  trickle.socket.write(`${HEAD}Content-Length: 1000\r\n\r\n`);
  const drip = setInterval(() => trickle.socket.write(' '), 100);
  const all = bodies.map(async ([what, bytes]) => {
    const told = await sendRaw(port, bytes);
    t.same(told.statuses(), [408], what);
    t.match(told.text(), '"code":"request_timeout"');
  });
  await Promise.all(all);
  await trickle.closed();
  clearInterval(drip);
  t.same(trickle.statuses(), [408], 'a byte now and then');
  await nothingStored('bodies without an end');
});

t.test(
  'of pipelined publishes none is answered, and a dedupe_key says what was stored',
  async (t) => {
    const bodies = ['first', 'second'].map(
      (key) => `{"topic":"framed","payload":1,"dedupe_key":"${key}"}`,
    );
    const pipelined = bodies.map((body) => `${HEAD}Content-Length: ${body.length}\r\n\r\n${body}`);
    t.same((await sendRaw(port, pipelined.join(''))).statuses(), []);
    const again = await Promise.all(
      bodies.map((body) =>
        request(`${node.url}/api/publish`, { method: 'POST', headers: JSON_TYPE, body }),
      ),
    );
    t.match(again[0], { status: 200, body: { duplicate: true } });
    t.match(again[1], { status: 200, body: { duplicate: undefined } });
    stored += 2;
    await nothingStored('but those two');
  },
);

t.test('a header that may be given once, twice', async (t) => {
  const message = '{"topic":"framed","payload":1}';
  const requests = [
    ['/api/publish/batch', `{"messages":[${message}]}`],
    ['/api/topics', '{"name":"never"}'],
  ] as const;
  const headers = [
    ['Content-Type: application/json\r\ncontent-type: application/json', 415, 'Content-Type'],
    [
      'Content-Type: application/json\r\nIdempotency-Key: a\r\nIdempotency-Key: b',
      400,
      'Idempotency-Key',
    ],
  ] as const;
  for (const [path, body] of requests) {
    for (const [lines, status, field] of headers) {
      const told = await sendRaw(
        port,
        `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${lines}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      t.same(told.statuses(), [status], `${path} ${field}`);
      t.match(told.text(), `"field":"${field}"`);
    }
  }
  await nothingStored('headers twice');
});
