// Goal: every bad publish is answered with its error, nothing of it is stored, and the node goes on.
import net from 'node:net';
import { pack } from 'msgpackr';
import t from 'tap';
import { startNode } from '../../native-bench/rig/node.js';
import { request } from '../support/clients/publisher.js';
import { surpriseIn } from '../support/documents/described-routes.js';

const node = await startNode();
t.teardown(() => node.kill9());
const url = `${node.url}/api/publish`;
const JSON_TYPE = { 'content-type': 'application/json' };
await request(`${node.url}/api/topics`, {
  method: 'POST',
  headers: JSON_TYPE,
  body: '{"name":"good"}',
});

const post = (body: string | Buffer, headers: Record<string, string> = JSON_TYPE) =>
  request(url, { method: 'POST', headers, body });
const topic = (name: unknown): string => JSON.stringify({ topic: name, payload: 1 });
const nested = (levels: number): string =>
  `{"topic":"good","payload":${'['.repeat(levels)}${']'.repeat(levels)}}`;
const raw = (...parts: (string | number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)));

const REFUSED: [string, string | Buffer, number, string, Record<string, string>?][] = [
  ['an empty body', '', 400, 'empty_body'],
  ['truncated JSON', '{', 400, 'invalid_json'],
  ['a BOM', '\ufeff{"topic":"good","payload":1}', 400, 'invalid_json'],
  ['trailing garbage', '{"topic":"good","payload":1}x', 400, 'invalid_json'],
  ['two documents', '{"topic":"good","payload":1}{}', 400, 'invalid_json'],
  ['an array', '[]', 400, 'body_must_be_object'],
  ['null', 'null', 400, 'body_must_be_object'],
  ['a string', '"x"', 400, 'body_must_be_object'],
  ['a number', '1', 400, 'body_must_be_object'],
  ['no topic', '{"payload":1}', 400, 'topic_required'],
  ['topic null', topic(null), 400, 'topic_required'],
  ['topic a number', topic(1), 400, 'topic_type'],
  ['topic an array', topic(['good']), 400, 'topic_type'],
  ['topic an object', topic({}), 400, 'topic_type'],
  ['topic empty', topic(''), 400, 'topic_required'],
  ['topic of spaces', topic('   '), 400, 'topic_required'],
  ['topic of 256 bytes', topic('x'.repeat(256)), 400, 'topic_too_long'],
  ['topic with NUL', topic('a\u0000b'), 400, 'topic_chars'],
  ['topic with CR LF', topic('a\r\nb'), 400, 'topic_chars'],
  ['topic with DEL', topic('a\u007fb'), 400, 'topic_chars'],
  ['topic with a direction mark', topic('a\u202eb'), 400, 'topic_chars'],
  ['topic with a zero-width space', topic('a\u200bb'), 400, 'topic_chars'],
  ['topic with a lone surrogate', '{"topic":"a\\ud800","payload":1}', 400, 'topic_chars'],
  ['topic ../x', topic('../x'), 400, 'topic_chars'],
  ['topic a/b', topic('a/b'), 400, 'topic_chars'],
  ['topic *', topic('*'), 400, 'topic_chars'],
  ['topic #', topic('#'), 400, 'topic_chars'],
  ['topic >', topic('>'), 400, 'topic_chars'],
  ['topic +', topic('+'), 400, 'topic_chars'],
  ['an SQL topic', topic("a'; DROP TABLE topics--"), 400, 'topic_chars'],
  ['an unknown topic', topic('unknown'), 404, 'topic_not_found'],
  ['topic __proto__', topic('__proto__'), 404, 'topic_not_found'],
  ['topic constructor', topic('constructor'), 404, 'topic_not_found'],
  ["another tenant's prefix", topic('tenantB:orders'), 404, 'topic_not_found'],
  ['no payload', '{"topic":"good"}', 400, 'payload_required'],
  ['a payload over the limit', topic2('x'.repeat(262_143)), 413, 'payload_too_large'],
  ['a body over the limit', topic2('x'.repeat(330_000)), 413, 'body_too_large'],
  ['depth 65', nested(65), 400, 'too_deep'],
  ['200,000 brackets', nested(100_000), 400, 'too_deep'],
  ['invalid UTF-8 ff', raw('{"topic":"good","payload":"', [0xff], '"}'), 400, 'invalid_utf8'],
  ['overlong UTF-8', raw('{"topic":"good","payload":"', [0xc0, 0x80], '"}'), 400, 'invalid_utf8'],
  ['CESU-8', raw('{"topic":"good","payload":"', [0xed, 0xa0, 0x80], '"}'), 400, 'invalid_utf8'],
  ['truncated UTF-8', raw('{"topic":"good","payload":"', [0xe2, 0x82], '"}'), 400, 'invalid_utf8'],
  ['text/plain', topic('good'), 415, 'unsupported_media_type', { 'content-type': 'text/plain' }],
  [
    'a form',
    'topic=good',
    415,
    'unsupported_media_type',
    {
      'content-type': 'application/x-www-form-urlencoded',
    },
  ],
  [
    'UTF-16',
    topic('good'),
    415,
    'unsupported_media_type',
    {
      'content-type': 'application/json; charset=utf-16',
    },
  ],
  ...[
    '; charset=utf-8; charset=utf-16',
    '; charset=utf-8; charset=utf-8',
    '; charset = "utf-16"',
  ].map((charset): (typeof REFUSED)[number] => [
    `a charset that is not UTF-8, once${charset}`,
    topic('good'),
    415,
    'unsupported_media_type',
    { 'content-type': `application/json${charset}` },
  ]),
  ['a field twice', '{"topic":"good","topic":"good","payload":1}', 400, 'duplicate_key'],
  [
    'gzip',
    topic('good'),
    415,
    'unsupported_encoding',
    {
      ...JSON_TYPE,
      'content-encoding': 'gzip',
    },
  ],
  [
    'an empty dedupe key',
    '{"topic":"good","payload":1,"dedupe_key":""}',
    400,
    'dedupe_key_invalid',
  ],
  ['a dedupe key of 1 KiB', dedupe('x'.repeat(1024)), 400, 'dedupe_key_invalid'],
  ['a dedupe key with a control character', dedupe('a\u0001'), 400, 'dedupe_key_invalid'],
  [
    'an Idempotency-Key of 1 KiB',
    topic('good'),
    400,
    'dedupe_key_invalid',
    {
      ...JSON_TYPE,
      'idempotency-key': 'x'.repeat(1024),
    },
  ],
  [
    'both times',
    '{"topic":"good","payload":1,"delay_ms":5,"deliver_at":"2030-01-01T00:00:00Z"}',
    400,
    'invalid_field',
  ],
  ['a negative delay', '{"topic":"good","payload":1,"delay_ms":-1}', 400, 'invalid_field'],
  ['a float delay', '{"topic":"good","payload":1,"delay_ms":1.5}', 400, 'invalid_field'],
  ['ttl 0', '{"topic":"good","payload":1,"ttl_ms":0}', 400, 'invalid_field'],
  ['an empty key', '{"topic":"good","payload":1,"key":""}', 400, 'invalid_field'],
  [
    'a header that is no string',
    '{"topic":"good","payload":1,"headers":{"a":1}}',
    400,
    'invalid_field',
  ],
  [
    'truncated msgpack',
    pack({ topic: 'good', payload: 'abc' }).subarray(0, 12),
    400,
    'invalid_msgpack',
    {
      'content-type': 'application/msgpack',
    },
  ],
  [
    'msgpack that claims 4 GiB',
    Buffer.from([0xc6, 0xff, 0xff, 0xff, 0xff, 0]),
    400,
    '',
    {
      'content-type': 'application/msgpack',
    },
  ],
];

function topic2(payload: string): string {
  return `{"topic":"good","payload":"${payload}"}`;
}

function dedupe(key: string): string {
  return JSON.stringify({ topic: 'good', payload: 1, dedupe_key: key });
}

t.test('what is refused', async (t) => {
  for (const [what, body, status, code, headers] of REFUSED) {
    const answer = await post(body, headers ?? JSON_TYPE);
    t.equal(answer.status, status, what);
    if (code !== '') t.equal(answer.body.code, code, what);
    const seen = { status, type: 'problem+json', text: JSON.stringify(answer.body) };
    t.equal(surpriseIn('POST', '/api/publish', seen), null, what);
    t.match(answer.headers['content-type'], 'application/problem+json', what);
    t.match(answer.body, { type: String, title: String, detail: String, request_id: String }, what);
    t.ok(String(answer.body.detail).length < 400, `${what}: the detail is short`);
    t.notMatch(JSON.stringify(answer.body), /at .*\.js:\d+|SELECT|INSERT/, what);
  }
});

t.test('a field that is given twice is named, on every route that reads one', async (t) => {
  const seek = '/api/subscriptions/good/s/seek';
  const bodies: [method: string, path: string, body: string, field: string][] = [
    ['POST', '/api/topics', '{"name":"twice","name":"other"}', 'name'],
    [
      'POST',
      '/api/topics',
      '{"name":"twice","retention":{"hours":1,"hours":2}}',
      'retention.hours',
    ],
    ['PATCH', '/api/topics/good', '{"retention":{},"retention":null}', 'retention'],
    ['PATCH', '/api/subscriptions/good/s', '{"max_deliver":1,"max_deliver":2}', 'max_deliver'],
    ['POST', seek, '{"from":"latest","from":"earliest"}', 'from'],
    ['POST', '/api/dead-letters/purge', '{"ids":[1],"ids":[2]}', 'ids'],
    ['POST', '/api/dead-letters/redrive', '{"topic":"good","topic":"a"}', 'topic'],
    ['POST', '/api/publish/batch', `{"messages":[${topic('good')}],"messages":[]}`, 'messages'],
  ];
  for (const [method, path, body, field] of bodies) {
    const answer = await request(`${node.url}${path}`, { method, headers: JSON_TYPE, body });
    t.match(answer, { status: 400, body: { code: 'duplicate_key', field } }, `${path} ${body}`);
  }
  t.equal((await request(`${node.url}/api/topics/twice`, {})).status, 404);
});

t.test('what is accepted, byte for byte', async (t) => {
  const payloads = [
    'null',
    'false',
    '0',
    '""',
    '-0',
    '1e999',
    '1E400000',
    '12345678901234567890',
    '"\\u0000"',
    '"\\ud800"',
    '"\\uffff"',
    '{"__proto__":{"x":1}}',
    '{"constructor":{"prototype":1}}',
    '{"a":1,"a":2}',
    '  { "spaced" : [ 1 , 2 ] }  '.trim(),
    '"\u2028"',
    '"😀"',
    '['.repeat(64) + ']'.repeat(64),
  ];
  for (const payload of payloads) {
    const answer = await post(`{"topic":"good","payload":${payload}}`);
    t.equal(answer.status, 200, encodeURI(payload.slice(0, 30)));
  }
  t.equal((await post(topic2('x'.repeat(262_142)))).status, 200, 'a payload of exactly the limit');
  const browsed = await fetch(`${node.url}/api/topics/good/messages`);
  const text = await browsed.text();
  for (const payload of payloads) {
    t.ok(text.includes(`"payload":${payload},`), encodeURI(payload.slice(0, 30)));
  }
  t.equal(({} as Record<string, unknown>).x, undefined);
});

t.test('only what was answered 200 is stored', async (t) => {
  const position = await request(`${node.url}/api/topics/good/position`, {});
  t.equal(position.body.sequence, 19);
});

t.test("client fields that are the server's are ignored", async (t) => {
  const body =
    '{"topic":"good","payload":1,"message_id":"x","sequence":99,"tenant":"b","published_at":"1999"}';
  const answer = await post(body);
  t.equal(answer.status, 200);
  t.equal(answer.body.sequence, 20);
});

t.test('other methods are answered 405 with Allow, OPTIONS is CORS', async (t) => {
  for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'TRACE']) {
    const answer = await request(url, { method });
    t.equal(answer.status, 405, method);
    t.match(answer.headers.allow, 'POST', method);
  }
  t.equal((await request(url, { method: 'HEAD' })).status, 405);
  const options = await request(url, {
    method: 'OPTIONS',
    headers: { origin: 'http://a.example' },
  });
  t.equal(options.status, 204);
  t.equal(options.headers['access-control-allow-origin'], '*');
  t.match(options.headers['access-control-allow-headers'], 'Idempotency-Key');
  t.equal((await request(`${node.url}/nowhere`, {})).body.code, 'not_found');
  const head = await request(`${node.url}/api/topics`, { method: 'HEAD' });
  t.equal(head.status, 200);
  t.same(head.body, {});
});

t.test('raw requests that break HTTP are closed, and what follows is not run', async (t) => {
  const before = (await request(`${node.url}/api/topics/good/position`, {})).body.sequence;
  const smuggled = `POST /api/publish HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 28\r\n\r\n{"topic":"good","payload":1}`;
  const bad = [
    `POST /api/publish HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    `POST /api/publish HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}${smuggled}`,
    `POST /api/publish HTTP/1.1\r\nHost : a\r\nContent-Length: 2\r\n\r\n{}${smuggled}`,
    `POST /api/publish HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\n{}${smuggled}`,
    `GARBAGE\r\n\r\n${smuggled}`,
  ];
  for (const bytes of bad) {
    await new Promise<void>((resolve) => {
      const socket = net.connect(node.port, '127.0.0.1', () => socket.write(bytes));
      socket.on('error', () => resolve());
      socket.on('close', () => resolve());
      socket.resume();
      socket.setTimeout(1_500, () => socket.destroy());
    });
  }
  const after = (await request(`${node.url}/api/topics/good/position`, {})).body.sequence;
  t.equal(after, before);
  t.equal((await request(`${node.url}/api/health`, {})).status, 200);
});

t.test('a query that is not one names the parameter', async (t) => {
  const bad: [string, string][] = [
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['limit=-1', 'limit'],
    ['limit=1e3', 'limit'],
    ['limit=', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['order=up', 'order'],
    ['from_sequence=0', 'from_sequence'],
    ['from_sequence=9007199254740992', 'from_sequence'],
    ['nonsense=1', 'nonsense'],
    ['from_time=yesterday', 'from_time'],
    ['from_time=2026-01-01T00:00:00Z&from_sequence=1', 'from_time'],
    ['filter=', 'filter'],
    ['filter=payload.a%20%3D%201', 'filter'],
    [`filter=${'x'.repeat(2_000)}`, 'filter'],
  ];
  for (const [query, field] of bad) {
    const answer = await request(`${node.url}/api/topics/good/messages?${query}`, {});
    t.equal(answer.status, 400, query);
    t.equal(answer.body.code, 'invalid_query', query);
    t.equal(answer.body.field, field, query);
  }
  t.equal((await request(`${node.url}/api/topics/%ff`, {})).status, 400);
  t.equal((await request(`${node.url}/api/topics/..%2fx`, {})).status, 400);
});
