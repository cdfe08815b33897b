// Goal: what is said to a worker of another node can be read there in each life of the link to it.
// Method: the real link at both ends, over a network without faults.
import { mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { BEAT_MS } from '../../../../src/core/peer-link.js';
import { type CallOp, readCall } from '../../../../src/thread/ops/call.js';
import { ENCODING_JSON } from '../../../../src/thread/ops/encoding.js';
import { OP_CALL } from '../../../../src/thread/ops/opcodes.js';
import { readSubscribe, type SubscribeOp } from '../../../../src/thread/ops/subscribe.js';
import { PackReader } from '../../../../src/thread/packing/pack-reader.js';
import { RemoteCalls } from '../../../../src/topic/peers/remote-calls.js';
import { RemoteRequests } from '../../../../src/topic/peers/remote-requests.js';
import { RemoteWorker } from '../../../../src/topic/peers/remote-worker.js';
import { type NetworkEnd, PeerNetwork } from '../../../sim/peer-network.js';
import { SeededRandom } from '../../../support/fuzz/seeded-random.js';
import { keyOf } from '../../../support/tenants/tenants.js';

const OP: SubscribeOp = {
  ...{ request: 1, session: 1, subscription: 1, topic: keyOf('t'), encoding: ENCODING_JSON },
  options: {
    ...{ name: 'one', ack: 'explicit', maxInFlight: null, ackWaitMs: null, maxDeliver: null },
    ...{ ordering: 'none', exclusive: false, start: { from: 'latest' }, create: false },
  },
};

/** A worker, the end of the link that it writes to, and what comes at the other. */
interface Pair {
  network: PeerNetwork;
  end: NetworkEnd;
  other: NetworkEnd;
  worker: RemoteWorker;
  read: (SubscribeOp | CallOp)[];
}

function pairOf(): Pair {
  const network = new PeerNetwork(new SeededRandom(1));
  const read: (SubscribeOp | CallOp)[] = [];
  let names: string[] = [];
  const end = network.join({
    onRead: () => undefined,
    onUp: () => worker.up(),
    onReset: () => worker.forget(),
  });
  const other = network.join({
    onRead: (bytes) => {
      const reader = new PackReader(new Uint8Array(bytes).buffer, names);
      while (!reader.done) {
        read.push(reader.u8() === OP_CALL ? readCall(reader) : readSubscribe(reader));
      }
    },
    onUp: () => (names = []),
    onReset: () => (names = []),
  });
  const worker = new RemoteWorker({ bootId: 'b', worker: 0 }, end.link);
  return { network, end, other, worker, read };
}

t.test('names are said in full again after a link was idle', async (t) => {
  const { network, end, worker, read } = pairOf();
  for (const life of [1, 2]) {
    worker.want();
    worker.whenUp(() => worker.subscribe(OP));
    network.pass(10);
    await turn();
    network.pass(10);
    t.same(read, Array(life).fill(OP), `life ${life}`);
    worker.unwant();
    network.pass(8 * BEAT_MS);
    t.notOk(end.link.isUp);
  }
});

t.test('what was answered `busy` is not done when the link comes up later', async (t) => {
  const { network, end, other, worker, read } = pairOf();
  const calls = new RemoteCalls({ requests: new RemoteRequests(), workerOf: () => worker });
  const key = keyOf('t');
  other.isAwake = false;
  mock.timers.enable({ apis: ['setTimeout'] });
  const args = { key, subscription: 'one' };
  const asked = calls.call({ bootId: 'b', key }, 'subscription.pause', args);
  mock.timers.tick(4_500);
  mock.timers.reset();
  await t.rejects(asked, { code: 'busy' });
  worker.want();
  other.isAwake = true;
  network.pass(4 * BEAT_MS);
  await turn();
  network.pass(10);
  t.ok(end.link.isUp);
  t.same(read, []);
});
