// Goal: a CloudEvent that comes in is one message, whose payload is its data as it was sent and whose headers
// are its attributes, and goes out as the same event; what is no event is refused by the name of what is
// wrong. test/vectors/cloud-events.json holds both ways.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { CloudEvent } from 'cloudevents';
import fc from 'fast-check';
import t from 'tap';
import { PACKAGE_FOLDER } from '../../../native-bench/rig/node.js';
import { RequestError } from '../../../src/core/errors.js';
import { DEFAULT_LIMITS } from '../../../src/core/limits.js';
import { CONTENT_JSON, type ContentType } from '../../../src/core/message.js';
import { parseUuid } from '../../../src/core/uuid.js';
import {
  decodeBinaryEvent,
  type HeaderPair,
  readAttributes,
} from '../../../src/wire/cloud-event-headers.js';
import { decodeEvent, decodeEvents } from '../../../src/wire/cloud-event-json.js';
import { eventOfFrame, eventOfMessage } from '../../../src/wire/event-of-message.js';
import type { PublishRequest } from '../../../src/wire/publish.js';
import { encodeDeliveries, WIRE_JSON } from '../../../src/wire/server-frame.js';

interface Vector {
  name: string;
  /** Headers of the binary mode; absent: it is structured. */
  request?: Record<string, string>;
  text: string;
  payload: string;
  key: string | null;
  headers: Record<string, string>;
  dedupe_key: string;
  event: string;
}

const VECTORS = JSON.parse(
  readFileSync(path.join(PACKAGE_FOLDER, 'test/vectors/cloud-events.json'), 'utf8'),
) as Vector[];
const TOPIC = 'orders';
const messageId = parseUuid('01a21e39-e3c4-7fb7-a882-5a224c880225') ?? new Uint8Array(16);

function binary(headers: readonly HeaderPair[], body: Uint8Array): PublishRequest {
  const type = headers.find(([name]) => name === 'content-type')?.[1] ?? '';
  const attributes = readAttributes(headers, type);
  return decodeBinaryEvent(body, { topic: TOPIC, attributes }, DEFAULT_LIMITS);
}

function frameOf({ payload, key, headers }: PublishRequest, subscription: string | null = null) {
  const row = {
    ...{ sequence: 7, messageId, publishedAtMs: 0, key, headers },
    ...{ payload, contentType: CONTENT_JSON as ContentType, expiresAtMs: 0 },
  };
  const context = { encoding: WIRE_JSON, topic: TOPIC, subscription } as const;
  return encodeDeliveries(context, [{ row, attempt: 1 }]);
}

function decoded({ request, text }: Vector): PublishRequest {
  const body = Buffer.from(text);
  if (request === undefined) return decodeEvent(body, TOPIC, DEFAULT_LIMITS);
  return binary(Object.entries(request), body);
}

for (const vector of VECTORS) {
  t.test(vector.name, async (t) => {
    const publish = decoded(vector);
    t.equal(Buffer.from(publish.payload).toString(), vector.payload);
    t.equal(publish.key, vector.key);
    t.same(JSON.parse(publish.headers ?? '{}'), vector.headers);
    t.equal(publish.dedupeKey, vector.dedupe_key);
    const event = eventOfMessage(frameOf(publish));
    t.equal(event, vector.event);
    t.ok(new CloudEvent(JSON.parse(event) as object).validate(), 'by the SDK');
  });
}

t.test('what is no event is a message of its own kind', async (t) => {
  const headers = JSON.stringify({ trace: 'x', 'not-a-name': 'y', data: 'z', id: 'w' });
  const publish = { ...decoded(VECTORS[2] as Vector), headers };
  const event = JSON.parse(eventOfMessage(frameOf(publish, 's'))) as Record<string, unknown>;
  t.same(event, {
    ...{ specversion: '1.0', id: '01a21e39-e3c4-7fb7-a882-5a224c880225' },
    ...{ source: '/api/topics/orders', type: 'conduit.message', time: '1970-01-01T00:00:00.000Z' },
    ...{ datacontenttype: 'application/json', trace: 'x', conduittopic: 'orders' },
    ...{ conduitid: '01a21e39-e3c4-7fb7-a882-5a224c880225', conduitsequence: '7' },
    ...{ conduitattempt: 1, conduitsubscription: 's', data: null },
  });
  const control = JSON.parse(eventOfFrame({ type: 'heartbeat_ack' })) as Record<string, unknown>;
  t.match(control, { type: 'conduit.heartbeat_ack', data: { type: 'heartbeat_ack' } });
  t.ok(new CloudEvent(control).validate());
});

const GOOD = { specversion: '1.0', id: 'i', source: '/s', type: 't' };
const refusal = (run: () => unknown): Partial<RequestError> => {
  try {
    run();
  } catch (error) {
    if (error instanceof RequestError) return { code: error.code, field: error.field };
    throw error;
  }
  return {};
};

t.test('what is wrong is named', async (t) => {
  const structured: [unknown, string, string?][] = [
    ...['id', 'source', 'type', 'specversion'].map((name): [unknown, string, string] => [
      { ...GOOD, [name]: undefined },
      'invalid_field',
      name,
    ]),
    [{ ...GOOD, specversion: '0.3' }, 'invalid_field', 'specversion'],
    [{ ...GOOD, specversion: 1 }, 'invalid_field', 'specversion'],
    [{ ...GOOD, id: '' }, 'invalid_field', 'id'],
    [{ ...GOOD, source: 'a b' }, 'invalid_field', 'source'],
    [{ ...GOOD, time: 'yesterday' }, 'invalid_field', 'time'],
    [{ ...GOOD, datacontenttype: 'json' }, 'invalid_field', 'datacontenttype'],
    [{ ...GOOD, Bad: 'x' }, 'invalid_field', 'Bad'],
    [{ ...GOOD, bad_name: 'x' }, 'invalid_field', 'bad_name'],
    [{ ...GOOD, ext: 1.5 }, 'invalid_field', 'ext'],
    [{ ...GOOD, ext: 2 ** 31 }, 'invalid_field', 'ext'],
    [{ ...GOOD, ext: {} }, 'invalid_field', 'ext'],
    [{ ...GOOD, ext: 'a\nb' }, 'invalid_field', 'ext'],
    [{ ...GOOD, ext: '\ud800' }, 'invalid_field', 'ext'],
    [{ ...GOOD, data: 1, data_base64: 'AA==' }, 'invalid_field', 'data_base64'],
    [{ ...GOOD, data_base64: 'A' }, 'invalid_field', 'data_base64'],
    [{ ...GOOD, data_base64: 5 }, 'invalid_field', 'data_base64'],
    [{ ...GOOD, partitionkey: 'k'.repeat(256) }, 'invalid_field', 'partitionkey'],
    [{ ...GOOD, ext: 'x'.repeat(5_000) }, 'invalid_field', 'headers'],
    [{ ...GOOD, data: 'x'.repeat(300_000) }, 'payload_too_large', 'data'],
    [[GOOD], 'body_must_be_object'],
    ['text', 'body_must_be_object'],
  ];
  for (const [body, code, field] of structured) {
    const bytes = Buffer.from(JSON.stringify(body));
    const seen = refusal(() => decodeEvent(bytes, TOPIC, DEFAULT_LIMITS));
    t.same(seen, { code, field }, JSON.stringify(body).slice(0, 100));
  }
  const twice = Buffer.from('{"id":"a","id":"b"}');
  t.match(
    refusal(() => decodeEvent(twice, TOPIC, DEFAULT_LIMITS)),
    { code: 'duplicate_key' },
  );
  const base = Object.entries(GOOD).map(([name, value]): HeaderPair => [`ce-${name}`, value]);
  const inHeaders: [HeaderPair[], string, string?][] = [
    [[], 'invalid_field', 'ce-specversion'],
    [base.slice(1), 'invalid_field', 'ce-specversion'],
    [[...base, ['ce-a_b', 'x']], 'invalid_field', 'ce-a_b'],
    [[...base, ['ce-ext', '%ff']], 'invalid_field', 'ce-ext'],
    [[...base, ['ce-ext', 'é']], 'invalid_field', 'ce-ext'],
    [[...base, ['ce-datacontenttype', 'text/plain']], 'invalid_field', 'ce-datacontenttype'],
    [[...base, ['ce-id', 'again']], 'duplicate_key', 'ce-id'],
    [[...base, ['content-type', 'none']], 'invalid_field', 'ce-datacontenttype'],
  ];
  for (const [headers, code, field] of inHeaders) {
    t.same(
      refusal(() => binary(headers, Buffer.from('1'))),
      { code, field },
      headers.join(),
    );
  }
  const quoted = binary([...base, ['ce-ext', '"a \\"b\\" 100%"']], Buffer.from('1'));
  t.match(quoted.headers, JSON.stringify('a "b" 100%'));
  t.match(
    refusal(() => binary(base, Buffer.from('{'))),
    { code: 'invalid_json' },
  );
  const bytes = binary([...base, ['content-type', 'image/png']], Buffer.from([0, 255]));
  t.equal(String(Buffer.from(bytes.payload)), '{"$binary":"AP8="}');
});

t.test('of a list each has its own result, and a broken list none', async (t) => {
  const list = Buffer.from(
    JSON.stringify([GOOD, { ...GOOD, type: 5.5 }, 'x', { ...GOOD, id: 'j' }]),
  );
  const items = decodeEvents(list, TOPIC, DEFAULT_LIMITS);
  t.same(
    items.map((item) => (item instanceof RequestError ? item.code : item.dedupeKey)),
    ['/s i', 'invalid_field', 'body_must_be_object', '/s j'],
  );
  t.same(decodeEvents(Buffer.from(' [ ] '), TOPIC, DEFAULT_LIMITS), []);
  for (const text of ['[{}', '[{},]', '[,]', '{}', '[] x', '[1 2]', '']) {
    t.ok(refusal(() => decodeEvents(Buffer.from(text), TOPIC, DEFAULT_LIMITS)).code, text);
  }
  const many = Buffer.from(`[${Array.from({ length: 1_001 }, () => '1').join()}]`);
  t.match(
    refusal(() => decodeEvents(many, TOPIC, DEFAULT_LIMITS)),
    { code: 'batch_too_large' },
  );
});

t.test('a long source and id have a key of their own all the same', async (t) => {
  const keys = ['a', 'b'].map((end) => {
    const event = { ...GOOD, id: `${'i'.repeat(300)}${end}` };
    return decodeEvent(Buffer.from(JSON.stringify(event)), TOPIC, DEFAULT_LIMITS).dedupeKey ?? '';
  });
  t.ok(keys.every((key) => key.startsWith('ce:') && key.length < 60));
  t.not(keys[0], keys[1]);
});

t.test('whatever bytes come, they are an event or refused by a known code', async () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
      const bytes = Buffer.from(text);
      refusal(() => decodeEvent(bytes, TOPIC, DEFAULT_LIMITS));
      refusal(() => decodeEvents(bytes, TOPIC, DEFAULT_LIMITS));
    }),
    { numRuns: 2_000 },
  );
});
