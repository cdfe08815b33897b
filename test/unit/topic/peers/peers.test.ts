// Goal: what a worker of another node says and cannot be read costs the link a reset, never this thread.
// Method: the real links of two nodes, whose envelopes are handed from one to the other.
import t from 'tap';
import { PeerEnvelopes } from '../../../../src/backplane/peer-envelopes.js';
import { PeerLinks } from '../../../../src/backplane/peer-links.js';
import { systemClock } from '../../../../src/core/clock.js';
import { ENCODING_JSON } from '../../../../src/thread/ops/encoding.js';
import { OP_SUBSCRIBE } from '../../../../src/thread/ops/opcodes.js';
import { readSubscribe } from '../../../../src/thread/ops/subscribe.js';
import { PackWriter } from '../../../../src/thread/packing/pack-writer.js';
import { Peers } from '../../../../src/topic/peers/peers.js';
import { packedBytes } from '../../../../src/topic/peers/remote-worker.js';
import { keyOf } from '../../../support/tenants.js';

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

const known = new PackWriter();
subscribe(known, '{}');
const CASES: { [what: string]: Uint8Array } = {
  'a name that was never said': subscribe(known, '{}'),
  'options that are not JSON': subscribe(new PackWriter(), '{'),
};

for (const [what, bytes] of Object.entries(CASES)) {
  t.test(`${what} is a reset`, async (t) => {
    const flights: (() => void)[] = [];
    const make = (own: Address, other: () => PeerLinks): PeerLinks => {
      const links = new PeerLinks({
        envelopes: new PeerEnvelopes({ cluster: 'c', secret: 's'.repeat(32), own }),
        bootId: own.bootId,
        send: (_, sent) => flights.push(() => other().came(sent)),
        ...{ creditBytes: 65_536, partBytesMax: 4_096, now: () => 1, onDropped: fail },
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
    t.ok(link?.isUp, 'it is up again');
  });
}
