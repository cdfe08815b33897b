// Goal: what one node packs another reads as it was, and nothing else is taken for an envelope: not what was
// changed on the way, cut off, signed with another secret, or of another cluster or version.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { ENVELOPE_BYTES_MAX, type Envelope, Envelopes } from '../../../src/backplane/envelopes.js';
import type { LogRow } from '../../../src/core/message.js';
import { logRow, logRows } from '../../support/log/log-rows.js';

const SECRET = 's'.repeat(32);
const EPOCH = '11abc';

function node(origin: string, more: { cluster?: string; secret?: string | null } = {}): Envelopes {
  return new Envelopes({ cluster: 'conduit', secret: SECRET, origin, ...more });
}

function envelopeIn(read: ReturnType<Envelopes['read']>): Envelope {
  if (typeof read === 'string') throw new Error(`dropped: ${read}`);
  return read;
}

/** As plain bytes, to be compared. */
function plain(rows: readonly LogRow[]): unknown[] {
  return rows.map((row) => ({
    ...row,
    messageId: Buffer.from(row.messageId).toString('hex'),
    payload: Buffer.from(row.payload).toString('hex'),
  }));
}

const [packed = Buffer.alloc(0)] = node('a').ofRows(EPOCH, [logRow(7), logRow(8)]);

/** Of version 1, made by the description in envelopes.ts with another program (Python's struct and hmac). */
const RECORDED =
  '01b953fd44985c64d61f5a4288b4ae890ee91a81ee878ffe44100d7b49e923e6310607000d401c000000' +
  '00000040200000000000003132376c6f67636f6e647569746e6f64652d612f626f6f742f300000000240' +
  '1c0000000000004279ac283aa00000000000000000000000000007000000030000000a00000102030405' +
  '060708090a0b0c0d0e0f7b226e223a317dc3bc7b2261223a2262227d40200000000000004279ac283aa0' +
  '00004279ac284946000000000004000000000000000001101112131415161718191a1b1c1d1e1f81a16e' +
  '02';

t.test('an envelope of version 1 stays what it is', async (t) => {
  const rows: LogRow[] = [
    {
      ...logRow(7, Buffer.from('{"n":1}')),
      messageId: Uint8Array.from({ length: 16 }, (_, n) => n),
      publishedAtMs: 1_764_200_000_000,
      key: 'ü',
      headers: '{"a":"b"}',
    },
    {
      ...logRow(8, Buffer.from([0x81, 0xa1, 0x6e, 0x02])),
      messageId: Uint8Array.from({ length: 16 }, (_, n) => 16 + n),
      publishedAtMs: 1_764_200_000_000,
      expiresAtMs: 1_764_200_060_000,
      contentType: 1,
    },
  ];
  const recorded = Buffer.from(RECORDED, 'hex');
  const read = envelopeIn(node('node-b/boot/0').read(recorded));
  t.match(read, { epoch: '127log', first: 7, last: 8 });
  t.same(plain(read.rows), plain(rows));
  t.same(node('node-a/boot/0').ofRows('127log', rows), [recorded]);
});

t.test('rows of any content come out as they went in, with or without a secret', async () => {
  fc.assert(
    fc.property(logRows(20), fc.constantFrom(SECRET, null), (rows, secret) => {
      const read = node('a', { secret })
        .ofRows(EPOCH, rows)
        .map((one) => envelopeIn(node('b', { secret }).read(one)));
      assert.deepEqual(plain(read.flatMap((one) => one.rows)), plain(rows));
      assert.equal(read[0]?.first, rows[0]?.sequence);
      assert.equal(read.at(-1)?.last, rows.at(-1)?.sequence);
      assert.ok(read.every(({ epoch }) => epoch === EPOCH));
    }),
  );
});

t.test('a long commit is several envelopes, none of them too large', async (t) => {
  const large = Array.from({ length: 30 }, (_, n) => logRow(1 + n, Buffer.alloc(60_000, n)));
  const many = Array.from({ length: 3_000 }, (_, n) => logRow(31 + n));
  const all = node('a').ofRows(EPOCH, [...large, ...many]);
  t.ok(all.length > 5);
  t.ok(all.every(({ length }) => length < ENVELOPE_BYTES_MAX));
  const read = all.flatMap((one) => envelopeIn(node('b').read(one)).rows);
  t.same(
    read.map(({ sequence }) => sequence),
    Array.from({ length: 3_030 }, (_, n) => n + 1),
  );
});

t.test(
  'what is too large for one is only named, and so are messages nobody listens to',
  async (t) => {
    const [only] = node('a').ofRows(EPOCH, [logRow(7, Buffer.alloc(2 * 1024 * 1024))]);
    t.same(node('b').read(only ?? Buffer.alloc(0)), { epoch: EPOCH, first: 7, last: 7, rows: [] });
    const range = node('a').ofRange(EPOCH, 7, 9);
    t.same(node('b').read(range), { epoch: EPOCH, first: 7, last: 9, rows: [] });
  },
);

t.test('what a worker sent itself is told apart', async (t) => {
  t.equal(node('a').read(packed), 'own');
  t.type(node('b').read(packed), 'object');
});

t.test('another secret, none, or one where none is known: not believed', async (t) => {
  const [unsigned = packed] = node('a', { secret: null }).ofRows(EPOCH, [logRow(7)]);
  t.equal(node('b', { secret: 'x'.repeat(32) }).read(packed), 'mac');
  t.equal(node('b', { secret: null }).read(packed), 'mac');
  t.equal(node('b').read(unsigned), 'mac');
  t.type(node('b', { secret: null }).read(unsigned), 'object');
});

t.test('another cluster, another version, more than any node sends', async (t) => {
  t.equal(node('b', { cluster: 'other' }).read(packed), 'cluster');
  const next = Buffer.from(packed);
  next[0] = 2;
  t.equal(node('b').read(next), 'version');
  t.equal(node('b').read(Buffer.alloc(ENVELOPE_BYTES_MAX + 1, 1)), 'oversized');
});

t.test('a bit that was turned anywhere is found', async () => {
  fc.assert(
    fc.property(fc.nat(packed.length * 8 - 1), (bit) => {
      const changed = Buffer.from(packed);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.ok(['mac', 'version'].includes(String(node('b').read(changed))));
    }),
    { numRuns: 2_000 },
  );
});

t.test('without a secret, garbage and what was cut off or lengthened are no envelope', async () => {
  const open = { secret: null };
  const [whole = packed] = node('a', open).ofRows(EPOCH, [logRow(7), logRow(8)]);
  for (let length = 0; length < whole.length; length++) {
    const read = node('b', open).read(whole.subarray(0, length));
    assert.ok(read === 'garbage' || read === 'cluster', `${length} bytes`);
  }
  assert.equal(node('b', open).read(Buffer.concat([whole, Buffer.from('x')])), 'garbage');
  const head = whole.subarray(0, 33);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      for (const any of [bytes, Buffer.concat([head, bytes])]) {
        assert.equal(typeof node('b', open).read(any), 'string');
      }
    }),
    { numRuns: 2_000 },
  );
});

t.test('sequences that do not follow one another are garbage, whoever signed them', async (t) => {
  const odd: LogRow[][] = [
    [logRow(7), logRow(9)],
    [logRow(7), logRow(7)],
    [logRow(0)],
    [logRow(7.5)],
    [logRow(Number.NaN)],
    [logRow(2 ** 53)],
  ];
  for (const rows of odd) {
    const [one = packed] = node('a').ofRows(EPOCH, rows);
    t.equal(node('b').read(one), 'garbage', JSON.stringify(rows.map(({ sequence }) => sequence)));
  }
  t.equal(node('b').read(node('a').ofRange(EPOCH, 9, 7)), 'garbage');
});
