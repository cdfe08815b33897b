// Goal: what a worker packs for one of another node that worker reads as it was, and nothing else is
// taken for it: not what was changed, cut off, signed with another secret, of another cluster, or of others.
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { MAIL_BYTES_MAX } from '../../../src/backplane/mailbox.js';
import { PEER_PART_BYTES_MAX, PeerEnvelopes } from '../../../src/backplane/peer-envelopes.js';

const [HERE, THERE] = [
  { bootId: randomUUID(), worker: 3 },
  { bootId: randomUUID(), worker: 65_535 },
];
const HEADER = { mine: 5, yours: 4, number: 3, heard: 2, isWanted: true, isPart: false };

function worker(own = HERE, more: { cluster?: string; secret?: string } = {}): PeerEnvelopes {
  return new PeerEnvelopes({ cluster: 'conduit', secret: 's'.repeat(32), own, ...more });
}

const packed = worker().pack(THERE, HEADER, Buffer.from('operations'));

t.test('what is packed is read as it was', async () => {
  const numbers = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
  const header = fc.record({
    mine: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    ...{ yours: numbers, number: numbers, heard: numbers },
    ...{ isWanted: fc.boolean(), isPart: fc.boolean() },
  });
  fc.assert(
    fc.property(header, fc.uint8Array({ maxLength: 200 }), (header, part) => {
      const read = worker(THERE).read(worker().pack(THERE, header, part));
      t.same(typeof read === 'string' ? read : { ...read, part: [...read.part] }, {
        ...{ from: HERE, header, part: [...part] },
      });
    }),
    { numRuns: 50 },
  );
});

t.test('the largest part is mail', async (t) => {
  const bytes = worker().pack(THERE, HEADER, new Uint8Array(PEER_PART_BYTES_MAX));
  t.ok(bytes.length <= MAIL_BYTES_MAX);
});

t.test('nothing else is read', async (t) => {
  t.equal(worker(HERE).read(packed), 'garbage', 'it is for another worker');
  t.equal(worker(THERE, { cluster: 'other' }).read(packed), 'cluster');
  t.equal(worker(THERE, { secret: 'x'.repeat(32) }).read(packed), 'mac');
  t.equal(worker(THERE).read(Buffer.alloc(MAIL_BYTES_MAX + 1)), 'oversized');
  t.equal(worker(THERE).read(Buffer.from([1, ...packed.subarray(1)])), 'version');
  for (let to = 0; to < packed.length; to++) {
    t.equal(typeof worker(THERE).read(packed.subarray(0, to)), 'string', `${to} bytes`);
  }
  for (let at = 1; at < packed.length; at++) {
    const changed = Buffer.from(packed);
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
    t.equal(worker(THERE).read(changed), 'mac', `another byte ${at}`);
  }
  const unnumbered = worker().pack(THERE, { ...HEADER, number: 1.5 }, new Uint8Array());
  t.equal(worker(THERE).read(unnumbered), 'garbage');
});
