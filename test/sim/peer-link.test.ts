// Goal: whatever the network does to envelopes, an end reads a beginning of what the other wrote since both
// were last up, in order and once, or both are reset; once the network is whole, all of it comes.
// Method: the real link at both ends, a network that loses, doubles, delays and reorders by a seed. SIM_SEED
// runs one seed, SIM_RUNS that many.
import t from 'tap';
import { BEAT_MS } from '../../src/core/peer-link.js';
import { SeededRandom } from '../support/fuzz/seeded-random.js';
import { CALM, type NetworkEnd, PeerNetwork } from './peer-network.js';

const RUNS = Number(process.env.SIM_RUNS ?? 400);
const SEEDS =
  process.env.SIM_SEED === undefined
    ? Array.from({ length: RUNS }, (_, n) => n + 1)
    : [Number(process.env.SIM_SEED)];

/** What one end has written since it was last up, and what it has read since. */
interface Side {
  end: NetworkEnd;
  written: string[];
  read: string[];
  /** All that it has read, in all lives of the link. */
  readEver: string[];
}

function openSide(network: PeerNetwork): Side {
  const side: Partial<Side> = { written: [], read: [], readEver: [] };
  side.end = network.join({
    onRead: (bytes) => {
      const text = Buffer.from(bytes).toString();
      side.read?.push(text);
      side.readEver?.push(text);
    },
    onUp: () => Object.assign(side, { written: [], read: [] }),
    onReset: () => undefined,
  });
  return side as Side;
}

/** What was read is what the other wrote, from its first on; each text is written once. */
function fault(reader: Side, writer: Side): string | null {
  if (new Set(reader.readEver).size !== reader.readEver.length) return 'something was read twice';
  const [first] = reader.read;
  if (first === undefined || writer.written[0] === undefined) return null;
  // Of a life that the writer has left: the reader will hear of it.
  if (!writer.written.includes(first)) return null;
  const isPrefix = reader.read.every((text, n) => writer.written[n] === text);
  return isPrefix ? null : 'what was read is no beginning of what was written';
}

function run(seed: number): string | null {
  const random = new SeededRandom(seed);
  const network = new PeerNetwork(random.fork());
  const [a, b] = [openSide(network), openSide(network)];
  const sides: [Side, Side][] = [
    [a, b],
    [b, a],
  ];
  a.end.link.want();
  let n = 0;
  network.weather = { lost: 0.02, doubled: 0.02, delayed: 0.02 };
  for (let step = 0; step < 300; step++) {
    const [writer] = random.next() < 0.5 ? [a] : [b];
    if (writer.end.link.isUp && writer.end.isAwake) {
      const text = `${seed}/${n++}/`.padEnd(Math.floor(random.between(1, 300)), '.');
      writer.written.push(text);
      writer.end.link.write(Buffer.from(text));
    }
    if (random.next() < 0.01) b.end.isAwake = !b.end.isAwake;
    network.pass(Math.floor(random.between(0, 40)));
    for (const [reader, other] of sides) {
      const found = fault(reader, other);
      if (found !== null) return `step ${step}: ${found}`;
    }
  }
  b.end.isAwake = true;
  network.weather = CALM;
  network.pass(5_000);
  for (const [, { end }] of sides) if (!end.link.isUp) return 'a link is not up on a whole network';
  for (const [writer] of sides) {
    const text = `${seed}/last/${n++}`;
    writer.written.push(text);
    writer.end.link.write(Buffer.from(text));
  }
  network.pass(100);
  for (const [reader, writer] of sides) {
    if (reader.read.join() !== writer.written.join()) return 'not all came on a whole network';
  }
  a.end.link.unwant();
  network.pass(4 * BEAT_MS);
  return a.end.link.isUp || b.end.link.isUp ? 'a link that nobody wants is up' : null;
}

t.test('links over a network that does what it likes', async (t) => {
  const faults = SEEDS.map((seed) => ({ seed, found: run(seed) })).filter(({ found }) => found);
  t.same(faults.slice(0, 5), []);
});

t.test('each of what resets a link does, at both ends, and it is up again', async (t) => {
  const network = new PeerNetwork(new SeededRandom(1));
  const [a, b] = [openSide(network), openSide(network)];
  a.end.link.want();
  network.pass(10);
  t.ok(a.end.link.isUp && b.end.link.isUp);
  const strikes: [string, () => void][] = [
    [
      'gap',
      () => {
        network.weather = { ...CALM, lost: 1 };
        a.end.link.write(Buffer.from('lost'));
        network.weather = CALM;
        a.end.link.write(Buffer.from('next'));
      },
    ],
    [
      'silence',
      () => {
        a.end.isAwake = false;
        network.pass(8 * BEAT_MS);
        a.end.isAwake = true;
      },
    ],
    ['unread', () => b.end.link.reset('unread')],
  ];
  for (const [cause, strike] of strikes) {
    const before = [a.end.resets.length, b.end.resets.length];
    strike();
    network.pass(1_000);
    t.ok(b.end.resets.slice(before[1]).includes(cause as never), cause);
    t.ok(a.end.resets.length > (before[0] ?? 0), `${cause}: the other end knows`);
    t.ok(a.end.link.isUp && b.end.link.isUp, `${cause}: up again`);
  }
});

t.test('what comes again is read once, and is no sign of life', async (t) => {
  const network = new PeerNetwork(new SeededRandom(1));
  const [a, b] = [openSide(network), openSide(network)];
  a.end.link.want();
  network.pass(10);
  network.weather = { ...CALM, doubled: 1 };
  for (const text of ['one', 'two', 'three']) a.end.link.write(Buffer.from(text));
  network.pass(2 * BEAT_MS);
  t.same(b.read, ['one', 'two', 'three']);
  t.same([...a.end.resets, ...b.end.resets], []);
  network.weather = CALM;
  a.end.isAwake = false;
  const recorded = network.carried.filter(({ to }) => to === b.end);
  t.ok(recorded.length > 4, 'greetings among them');
  for (let n = 0; n < 40; n++) {
    for (const { header, part } of recorded) b.end.link.read(header, part);
    network.pass(BEAT_MS / 5);
  }
  t.same(b.end.resets, ['silence']);
  t.same(b.readEver, ['one', 'two', 'three']);
});

t.test('what is not read has no end of credit', async (t) => {
  const network = new PeerNetwork(new SeededRandom(1));
  const [a, b] = [openSide(network), openSide(network)];
  a.end.link.want();
  network.pass(10);
  t.ok(a.end.link.hasCredit);
  b.end.isAwake = false;
  let written = 0;
  while (a.end.resets.length === 0 && written < 100_000) {
    if (written > 4_096) t.notOk(a.end.link.hasCredit);
    a.end.link.write(Buffer.alloc(500));
    written += 500;
  }
  t.same(a.end.resets, ['overrun']);
  b.end.isAwake = true;
  network.pass(1_000);
  t.ok(a.end.link.hasCredit && b.end.link.isUp);
});
