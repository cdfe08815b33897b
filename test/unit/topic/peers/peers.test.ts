// Goal: what a worker of another node says and cannot be read costs the link a reset, never this thread.
// Method: the real links of two nodes, whose envelopes are handed from one to the other.
import t from 'tap';
import { PeerEnvelopes } from '../../../../src/backplane/peer-envelopes.js';
import { PeerLinks } from '../../../../src/backplane/peer-links.js';
import { systemClock } from '../../../../src/core/clock.js';
import { ENCODING_JSON } from '../../../../src/thread/ops/encoding.js';
import { OP_SUBSCRIBE } from '../../../../src/thread/ops/opcodes.js';
import { readSubscribe } from '../../../../src/thread/ops/subscribe.js';
import { PackReader } from '../../../../src/thread/packing/pack-reader.js';
import { PackWriter } from '../../../../src/thread/packing/pack-writer.js';
import { Peers } from '../../../../src/topic/peers/peers.js';
import { packedBytes } from '../../../../src/topic/peers/remote-worker.js';
import { keyOf } from '../../../support/tenants/tenants.js';

const BOOTS = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002'];
const [HERE, THERE] = BOOTS.map((bootId) => ({ bootId, worker: 0 })) as [Address, Address];
const LIVING = BOOTS.map((bootId) => ({
  ...{ id: bootId, bootId, addr: 'x:1', forwardUrl: null, workers: 1 },
}));
type Address = { bootId: string; worker: number };

const fail = (): never => {
  throw new Error('nothing of that happens here');
};

/** As `packSubscribe` has it, but for the options. */
function subscribe(writer: PackWriter, options: string): Uint8Array {
  writer.begin(OP_SUBSCRIBE, 1_000);
  for (const number of [1, 1, 1]) writer.u32(number);
  writer.u8(ENCODING_JSON);
  writer.name(keyOf('t'));
  writer.longText(options);
  return packedBytes(writer.take());
}

/** It says so much more of its length than it has. */
function longer(by: number): Uint8Array {
  const bytes = subscribe(new PackWriter(), '{}').slice();
  new DataView(bytes.buffer).setUint32(0, bytes.length + by, true);
  return bytes;
}

const known = new PackWriter();
subscribe(known, '{}');
const CASES: { [what: string]: Uint8Array } = {
  'a single byte': Uint8Array.of(1),
  'less than a length': Uint8Array.of(1, 0, 0),
  'a length of more than there is': longer(1),
  'a length of less than there is': longer(-1),
  'an operation of another version': Uint8Array.of(5, 0, 0, 0, 200),
  'a name that was never said': subscribe(known, '{}'),
  'options that are not JSON': subscribe(new PackWriter(), '{'),
};
const OPTIONS = {
  ...{ name: 'one', ack: 'explicit', maxInFlight: null, ackWaitMs: null, maxDeliver: null },
  ...{ ordering: 'none', exclusive: false, start: { from: 'latest' }, create: false },
};
const ATTACHED = { name: 's', epoch: 'e', held: [], giving: null, isCaughtUp: true };
const WRONG: unknown[] = [
  ...[null, [], {}, 1, { ...OPTIONS, name: 1 }, { ...OPTIONS, ack: undefined }],
  ...[
    { ...OPTIONS, start: null },
    { ...OPTIONS, start: { from: 'sequence' } },
  ],
  ...[
    { ...OPTIONS, maxInFlight: '1' },
    { ...OPTIONS, ordering: 'any' },
  ],
  { ...OPTIONS, attached: null },
  { ...OPTIONS, attached: { ...ATTACHED, held: [null] } },
  { ...OPTIONS, attached: { ...ATTACHED, giving: ['1'] } },
];
for (const wrong of WRONG) {
  const text = JSON.stringify(wrong);
  CASES[`options that are ${text}`] = subscribe(new PackWriter(), text);
}

t.test('options that are well are read', async (t) => {
  for (const options of [OPTIONS, { ...OPTIONS, attached: ATTACHED }]) {
    const writer = new PackWriter();
    const packed = subscribe(writer, JSON.stringify(options)).slice().buffer;
    const reader = new PackReader(packed);
    reader.u8();
    t.same(readSubscribe(reader).options, options);
  }
});

for (const [what, bytes] of Object.entries(CASES)) {
  t.test(`${what} is a reset`, async (t) => {
    const flights: (() => void)[] = [];
    const dropped: string[] = [];
    const make = (own: Address, other: () => PeerLinks): PeerLinks => {
      const links = new PeerLinks({
        envelopes: new PeerEnvelopes({ cluster: 'c', secret: 's'.repeat(32), own }),
        bootId: own.bootId,
        send: (_, sent) => flights.push(() => other().came(sent)),
        ...{
          creditBytes: 65_536,
          partBytesMax: 4_096,
          wholeBytesMax: 1 << 20,
          now: () => 1,
          onDropped: (fault) => dropped.push(fault),
        },
      });
      t.teardown(() => links.stop());
      return links;
    };
    const here: PeerLinks = make(HERE, () => there);
    const there: PeerLinks = make(THERE, () => here);
    const arrive = (): void => {
      for (let next = flights.shift(); next !== undefined; next = flights.shift()) next();
    };
    const peers = new Peers({
      ...{ links: here, clock: systemClock, nameOf: () => 's', reopen: fail, onBug: fail },
      handler: { handle: (_, __, reader) => readSubscribe(reader), endTurn: () => undefined },
      ...{ onClosed: () => undefined, onCredit: () => undefined },
    });
    peers.start();
    peers.place(LIVING);
    const nothing = (): void => undefined;
    there.start({ onUp: nothing, onReset: nothing, onRead: nothing, onCredit: nothing });
    there.place(LIVING);
    const link = there.to(HERE);
    link?.want();
    arrive();
    t.ok(link?.isUp);
    link?.write(bytes);
    arrive();
    t.equal(peers.resets, 1);
    t.same(dropped, ['garbage'], 'and is counted');
    t.ok(link?.isUp, 'it is up again');
  });
}
