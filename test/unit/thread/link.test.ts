// Goal: however much comes at once on a link, a turn of the event loop handles so much and no more, in
// order; and an acceptor knows which of its slices the worker has come to.
import { EventEmitter } from 'node:events';
import t from 'tap';
import { DEFAULT_LIMITS } from '../../../src/core/limits.js';
import { AcceptorLinkEnd, WorkerLinkEnd } from '../../../src/thread/link.js';
import { packAcked, readAcked } from '../../../src/thread/ops/acknowledge.js';
import { OP_ACKED, OP_SLICE } from '../../../src/thread/ops/opcodes.js';
import { PackReader } from '../../../src/thread/packing/pack-reader.js';
import { PackWriter } from '../../../src/thread/packing/pack-writer.js';

const AT_ONCE = 8_192;

/** A port whose other end is the test. */
class TestPort extends EventEmitter {
  readonly posted: ArrayBuffer[] = [];

  postMessage(packed: ArrayBuffer): void {
    this.posted.push(packed);
  }

  close(): void {
    this.posted.length = 0;
  }
}

function acked(from: number, to: number): ArrayBuffer {
  const writer = new PackWriter();
  for (let request = from; request <= to; request++) packAcked(writer, request);
  return writer.take();
}

function rig() {
  const port = new TestPort();
  const handled: number[] = [];
  let turns = 0;
  const link = new WorkerLinkEnd({
    ...{ port: port as never, acceptor: 0, limits: DEFAULT_LIMITS },
    onOp: (op, reader) => {
      handled.push(op === OP_ACKED ? readAcked(reader) : -1);
    },
    onTurn: () => turns++,
  });
  return { port, handled, link, turns: () => turns };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const upTo = (last: number): number[] => Array.from({ length: last }, (_, n) => n + 1);

t.test('what is more than a turn handles waits for the next, and keeps its order', async (t) => {
  const { port, handled, turns } = rig();
  port.emit('message', acked(1, AT_ONCE - 10));
  port.emit('message', acked(AT_ONCE - 9, 2 * AT_ONCE + 5));
  port.emit('message', acked(2 * AT_ONCE + 6, 2 * AT_ONCE + 7));
  t.equal(handled.length, AT_ONCE);
  t.equal(turns(), 2, 'each turn has its end');
  await turn();
  t.equal(handled.length, 2 * AT_ONCE);
  port.emit('message', acked(2 * AT_ONCE + 8, 2 * AT_ONCE + 8));
  await turn();
  t.same(handled, upTo(2 * AT_ONCE + 8));
});

t.test('a link that was closed handles nothing more', async (t) => {
  const { port, handled, link } = rig();
  port.emit('message', acked(1, AT_ONCE + 1));
  link.close();
  await turn();
  t.equal(handled.length, AT_ONCE);
});

t.test('what came before in other turns does not make a turn pause', async (t) => {
  const { port, handled } = rig();
  for (let round = 1; round <= 8; round++) {
    port.emit('message', acked(1, AT_ONCE / 4 + 1));
    t.equal(handled.length, round * (AT_ONCE / 4 + 1), 'at once');
    await turn();
  }
});

t.test('all that came is handled when the other end is gone', async (t) => {
  const { port, handled, link } = rig();
  port.emit('message', acked(1, AT_ONCE + 1));
  port.emit('message', acked(AT_ONCE + 2, 3 * AT_ONCE));
  link.finish();
  link.close();
  t.same(handled, upTo(3 * AT_ONCE));
  await turn();
  t.equal(handled.length, 3 * AT_ONCE, 'once');
});

t.test('what was posted at once is of a slice, too', async (t) => {
  const port = new TestPort();
  const link = new AcceptorLinkEnd({
    ...{ port: port as never, worker: 0, generation: 1, limits: DEFAULT_LIMITS },
    onOp: () => undefined,
    onTurn: () => undefined,
  });
  let slices = 0;
  for (; link.hasSliceRoom && slices < 8; slices++) {
    for (let ack = 0; ack < 32; ack++) {
      packAcked(link.writer, ack);
      link.ackSent(null);
    }
    link.schedulePublish();
    t.equal(link.writer.ops, 0, 'posted');
    link.endSlice();
    await turn();
  }
  t.notOk(link.hasSliceRoom);
  for (let slice = 0; slice < slices; slice++) link.sliceRead();
  const posted = port.posted.length;
  link.endSlice();
  await turn();
  t.equal(port.posted.length, posted, 'there is none of nothing');
});

t.test('a link has room for slices until the worker is behind by some', async (t) => {
  const port = new TestPort();
  const link = new AcceptorLinkEnd({
    ...{ port: port as never, worker: 0, generation: 1, limits: DEFAULT_LIMITS },
    onOp: () => undefined,
    onTurn: () => undefined,
  });
  link.endSlice();
  await turn();
  t.same(port.posted, [], 'of nothing there is no slice');
  let slices = 0;
  while (link.hasSliceRoom) {
    packAcked(link.writer, 1);
    link.endSlice();
    slices++;
  }
  t.ok(slices > 1 && slices <= 8);
  await turn();
  const reader = new PackReader(port.posted[0] ?? new ArrayBuffer(4));
  t.same([reader.u8(), readAcked(reader), reader.u8()], [OP_ACKED, 1, OP_SLICE]);
  link.sliceRead();
  t.ok(link.hasSliceRoom);
});
