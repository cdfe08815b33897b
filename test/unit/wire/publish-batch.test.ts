import { pack } from 'msgpackr';
import t from 'tap';
import { RequestError } from '../../../src/core/errors.js';
import { DEFAULT_LIMITS } from '../../../src/core/limits.js';
import {
  type BatchItem,
  decodeBatchJson,
  decodeBatchMsgpack,
  decodeBatchNdjson,
} from '../../../src/wire/publish.js';
import { outcomeOf } from './outcome.js';

const json = (body: string) => decodeBatchJson(Buffer.from(body), DEFAULT_LIMITS);
const ndjson = (body: string | Buffer) => decodeBatchNdjson(Buffer.from(body), DEFAULT_LIMITS);
const msgpack = (body: Uint8Array) => decodeBatchMsgpack(body, DEFAULT_LIMITS);

function shown(item: BatchItem): string {
  if (item instanceof RequestError) return item.code;
  return `${item.topic}=${Buffer.from(item.payload).toString()}`;
}

function shownAll(decode: () => BatchItem[]): string[] | string {
  const outcome = outcomeOf(decode);
  return typeof outcome === 'string' ? outcome : outcome.map(shown);
}

const ONE = '{"topic":"a","payload":1}';
const TWO = '{"topic":"b","payload":{"x":[2]}}';
const BAD = '{"topic":"/","payload":1}';

t.test('a JSON batch gives one item per message, in order', async (t) => {
  // biome-ignore format: cases side by side
  const cases: readonly [string, string[] | string][] = [
    [`{"messages":[${ONE},${TWO}]}`, ['a=1', 'b={"x":[2]}']],
    [`[${ONE},${TWO}]`, ['a=1', 'b={"x":[2]}']],
    [` { "atomic" : [{}] , "messages" : [ ${ONE} , ${TWO} ] , "x":1 } \n`, ['a=1', 'b={"x":[2]}']],
    ['{"messages":[]}', []],
    ['[]', []],
    [`[${ONE},${BAD},{},null,1,"x",[],${TWO}]`,
      ['a=1', 'topic_chars', 'topic_required', ...new Array(4).fill('body_must_be_object'), 'b={"x":[2]}']],
    [`{"m\\u0065ssages":[${ONE}]}`, ['a=1']],
    ['{}', 'invalid_field'],
    ['{"messages":{}}', 'invalid_field'],
    ['{"messages":null}', 'invalid_field'],
    ['null', 'body_must_be_object'],
    ['', 'empty_body'],
    ['{', 'invalid_json'],
    ['{"messages":', 'invalid_json'],
    ['{"messages":[', 'invalid_json'],
    [`{"messages":[${ONE},]}`, 'invalid_json'],
    [`{"messages":[${ONE}${TWO}]}`, 'invalid_json'],
    [`{"messages":[${ONE}]`, 'invalid_json'],
    [`{"messages":[${ONE}]}x`, 'invalid_json'],
    [`{"messages":[${ONE}]},`, 'invalid_json'],
    [`{"messages":[${ONE},{"topic"]}`, 'invalid_json'],
    [`[${ONE}]]`, 'invalid_json'],
    [`{"messages":[{"topic":"a","payload":${'['.repeat(200_000)}`, 'too_deep'],
    ['['.repeat(200_000), 'too_deep'],
  ];
  for (const [body, expected] of cases)
    t.same(
      shownAll(() => json(body)),
      expected,
      body.slice(0, 70),
    );
  const bad = Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d]);
  t.equal(
    outcomeOf(() => decodeBatchJson(bad, DEFAULT_LIMITS)),
    'invalid_utf8',
  );
});

t.test('NDJSON gives one item per line that is not blank', async (t) => {
  // biome-ignore format: cases side by side
  const cases: readonly [string, string[] | string][] = [
    [`${ONE}\n${TWO}`, ['a=1', 'b={"x":[2]}']],
    [`${ONE}\n${TWO}\n`, ['a=1', 'b={"x":[2]}']],
    [`\n\n${ONE}\r\n \t\r\n${TWO}\r\n\r\n`, ['a=1', 'b={"x":[2]}']],
    [`${ONE}\n{"topic":\n${BAD}\n[]\n${ONE}x\n${ONE}${ONE}\n${TWO}`,
      ['a=1', 'invalid_json', 'topic_chars', 'body_must_be_object', 'invalid_json', 'invalid_json', 'b={"x":[2]}']],
    ['\n \n', []],
    ['', 'empty_body'],
    [`${'['.repeat(1_000)}\n${ONE}`, ['too_deep', 'a=1']],
  ];
  for (const [body, expected] of cases)
    t.same(
      shownAll(() => ndjson(body)),
      expected,
      body.slice(0, 70),
    );
  const mixed = Buffer.concat([
    Buffer.from(`${ONE}\n"`),
    Buffer.from([0xff]),
    Buffer.from(`"\n${TWO}`),
  ]);
  t.same(
    shownAll(() => ndjson(mixed)),
    ['a=1', 'invalid_utf8', 'b={"x":[2]}'],
  );
});

t.test('a msgpack batch gives one item per message, in order', async (t) => {
  const one = { topic: 'a', payload: 'x' };
  const bad = { topic: '/', payload: 'x' };
  const x = 'a=\xa1x'.replace('\xa1', '\ufffd');
  t.same(
    shownAll(() => msgpack(pack({ messages: [one, bad, 5, [], one] }))),
    [x, 'topic_chars', 'body_must_be_object', 'body_must_be_object', x],
  );
  t.same(
    shownAll(() => msgpack(pack([one, one]))),
    [x, x],
  );
  t.same(
    shownAll(() => msgpack(pack({ other: [one], messages: [] }))),
    [],
  );
  t.same(
    shownAll(() => msgpack(pack({ messages: {} }))),
    'invalid_field',
  );
  t.same(
    shownAll(() => msgpack(pack({}))),
    'invalid_field',
  );
  t.same(
    shownAll(() => msgpack(pack(1))),
    'body_must_be_object',
  );
  t.same(
    shownAll(() => msgpack(Buffer.alloc(0))),
    'empty_body',
  );
  const ext = Buffer.from('82a5746f706963a161a77061796c6f6164d40100', 'hex');
  const utf8 = Buffer.from('82a5746f706963a161a77061796c6f6164a1ff', 'hex');
  const list = (items: Buffer[]) => Buffer.concat([Buffer.from([0x90 | items.length]), ...items]);
  t.same(
    shownAll(() => msgpack(list([pack(one), ext, utf8, pack(one)]))),
    [x, 'ext_not_allowed', 'invalid_utf8', x],
  );
  t.same(
    shownAll(() => msgpack(Buffer.concat([list([ext]), Buffer.from([0])]))),
    'invalid_msgpack',
  );
  t.same(
    shownAll(() => msgpack(Buffer.from('ddffffffff', 'hex'))),
    'invalid_msgpack',
  );
  t.same(
    shownAll(() => msgpack(Buffer.alloc(100_000, 0x91))),
    'too_deep',
  );
  const outside = Buffer.concat([
    Buffer.from('82a178d40100', 'hex'),
    pack('messages'),
    list([pack(one)]),
  ]);
  t.same(
    shownAll(() => msgpack(outside)),
    'ext_not_allowed',
  );
  const body = pack({ messages: [one, bad] });
  for (let end = 1; end < body.length; end++) {
    t.same(
      shownAll(() => msgpack(body.subarray(0, end))),
      'invalid_msgpack',
      `cut at ${end}`,
    );
  }
});

t.test('a batch has at most batchItemsMax messages, good or bad', async (t) => {
  const limits = { ...DEFAULT_LIMITS, batchItemsMax: 3 };
  const items = (count: number) => new Array<string>(count).fill(ONE);
  const objects = (count: number) => new Array<unknown>(count).fill({});
  const bodies = (count: number) => [
    () => decodeBatchJson(Buffer.from(`{"messages":[${items(count).join(',')}]}`), limits),
    () => decodeBatchJson(Buffer.from(`[${items(count).join(',')}]`), limits),
    () => decodeBatchNdjson(Buffer.from(items(count).join('\n')), limits),
    () => decodeBatchMsgpack(pack(objects(count)), limits),
  ];
  for (const decode of bodies(3)) t.equal(shownAll(decode).length, 3);
  for (const decode of bodies(4)) t.equal(shownAll(decode), 'batch_too_large');
});
