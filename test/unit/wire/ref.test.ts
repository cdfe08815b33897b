// A ref comes back exactly as it was sent, in every frame that can hold it, or is refused by name.
import t from 'tap';
import type { RequestError } from '../../../src/core/errors.js';
import { DEFAULT_LIMITS } from '../../../src/core/limits.js';
import {
  decodeJsonFrames,
  decodeMsgpackFrames,
  type FrameSink,
  type Ref,
} from '../../../src/wire/client-frame.js';
import { errorFrame } from '../../../src/wire/problem.js';
import { publishedFrame } from '../../../src/wire/result.js';
import {
  encodeFrame,
  WIRE_JSON,
  WIRE_MSGPACK,
  type WireFormat,
} from '../../../src/wire/server-frame.js';

const ID = new Uint8Array(16);

class Taken implements FrameSink {
  readonly limits = DEFAULT_LIMITS;
  ref: Ref = null;
  detail = '';
  wantsMore = true;
  frame(frame: { ref: Ref }): void {
    this.ref = frame.ref;
  }
  bad(error: RequestError): void {
    this.detail = `${error.field}: ${error.message}`;
  }
  tooManyBad(): void {
    this.detail = 'too many';
  }
}

function fromJson(ref: string): Taken {
  const sink = new Taken();
  decodeJsonFrames(Buffer.from(`{"type":"heartbeat","ref":${ref}}`), sink, 'single');
  return sink;
}

function fromMsgpack(ref: string): Taken {
  const sink = new Taken();
  const frame = Buffer.from(`82a474797065a9686561727462656174a3726566${ref}`, 'hex');
  decodeMsgpackFrames(frame, sink);
  return sink;
}

/** The frames that say a ref, each made by a writer of its own. */
function echoes(format: WireFormat, ref: Ref): string[] {
  const frames = [
    encodeFrame(format, { type: 'heartbeat_ack', ref: ref ?? undefined }),
    encodeFrame(format, errorFrame('busy', 'x', ref)),
    publishedFrame(
      format,
      { ref, topic: 'a' },
      { messageId: ID, sequence: 1, publishedAtMs: 0, duplicate: false },
    ),
  ];
  return frames.map((frame) =>
    typeof frame === 'string' ? frame : Buffer.from(frame).toString('hex'),
  );
}

t.test('JSON: with the digits it had', async (t) => {
  // biome-ignore format: a table
  const kept = [
    '0', '7', '-7', '1.5', '-0.25', '4294967296', '1700000000000', '9007199254740991', '-9007199254740991',
    '0.8444218515250481', '1e-7', '2.5e-300', '5e-324', '"a"', '"\\u00e9\\ud800"', '""',
  ];
  for (const ref of kept) {
    const taken = fromJson(ref);
    t.equal(taken.detail, '', ref);
    for (const echo of echoes(WIRE_JSON, taken.ref)) {
      t.same(JSON.parse(echo).ref, JSON.parse(ref));
      if (/\d/.test(ref) && !ref.startsWith('"')) t.match(echo, `"ref":${ref}`);
    }
  }
  t.equal(fromJson('1.50').ref, 1.5, 'the same value');
  t.equal(fromJson('15e2').ref, 1_500);
});

t.test('JSON: what a float64 does not hold is refused, not rounded', async (t) => {
  // biome-ignore format: a table
  const refused = [
    '9007199254740992', '9007199254740993', '-9007199254740993', '18446744073709551615', '1e20', '1e400',
    '-1e400', '1e-400', '0.12345678901234567891', '3.14159265358979323846', '1.00000000000000000001',
    `1${'0'.repeat(10_000)}1`, `"${'x'.repeat(256)}"`, 'true', '{}', '[]',
  ];
  for (const ref of refused) t.match(fromJson(ref).detail, /^ref: ref must be a string/, ref);
});

t.test('msgpack: in the kind of form it had, integers in their shortest', async (t) => {
  const kept: readonly [sent: string, back: string][] = [
    ['07', '07'],
    ['cc07', '07'],
    ['cf0000000000000007', '07'],
    ['d3ffffffffffffffff', 'ff'],
    ['ceffffffff', 'ceffffffff'],
    ['cf00000000ffffffff', 'ceffffffff'],
    ['cf0000000100000000', 'cf0000000100000000'],
    ['d30000000100000000', 'cf0000000100000000'],
    ['cf001fffffffffffff', 'cf001fffffffffffff'],
    ['d3ffe0000000000001', 'd3ffe0000000000001'],
    // What msgpackr makes of Date.now(): a decoder gives a number for it, and not a bigint.
    ['cb4278bcfe56800000', 'cb4278bcfe56800000'],
    ['cb3fb999999999999a', 'cb3fb999999999999a'],
    ['ca3f000000', 'cb3fe0000000000000'],
    ['cb401c000000000000', '07'],
    ['a161', 'a161'],
  ];
  for (const [sent, back] of kept) {
    const taken = fromMsgpack(sent);
    t.equal(taken.detail, '', sent);
    for (const echo of echoes(WIRE_MSGPACK, taken.ref)) t.match(echo, `a3726566${back}`, sent);
  }
});

t.test('msgpack: what is beyond 2^53, or no number, is refused', async (t) => {
  // biome-ignore format: a table
  const refused = [
    'cf0020000000000000', 'cf0020000000000001', 'cfffffffffffffffff', 'd38000000000000000',
    'd3ffe0000000000000', 'cb4415af1d78b58c40', 'cb7ff0000000000000', 'cbfff0000000000000',
    'cb7ff8000000000000', 'c3', '80', 'c40161',
  ];
  for (const ref of refused) t.match(fromMsgpack(ref).detail, /^ref: ref must be a string/, ref);
});
