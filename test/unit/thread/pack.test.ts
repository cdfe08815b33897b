import t from 'tap';
import { PackReader } from '../../../src/thread/packing/pack-reader.js';
import { PackWriter } from '../../../src/thread/packing/pack-writer.js';

const TEXTS = [
  '',
  'a',
  'x'.repeat(64),
  'x'.repeat(65),
  'é',
  'aé',
  `${'x'.repeat(63)}é`,
  '😀',
  '\0',
];

t.test('text comes back as it was, as text and as a name, whatever came before it', async (t) => {
  for (let round = 0; round < 2; round++) {
    const writer = new PackWriter();
    for (const text of TEXTS) {
      writer.begin(1, 2 * 3 * text.length);
      writer.text(text);
      writer.name(text);
    }
    const reader = new PackReader(writer.take());
    for (const text of TEXTS) {
      t.equal(reader.u8(), 1);
      t.equal(reader.text(), text);
      t.equal(reader.name(), text);
    }
    t.equal(reader.done, true);
  }
});

t.test('names are told apart, also once there were more of them than have numbers', async (t) => {
  const all = Array.from({ length: 20_000 }, (_, n) => `topic.${n}`);
  const writer = new PackWriter();
  const known: string[] = [];
  for (let from = 0; from < 60_000; from += 1_000) {
    // Some that came before, and some that are new until all have come; some twice in one buffer.
    const names = Array.from({ length: 1_000 }, (_, n) => all[(from + n * 7) % all.length] ?? '');
    for (const name of names) {
      writer.begin(1, 3 * name.length);
      writer.name(name);
    }
    const reader = new PackReader(writer.take(), known);
    for (const name of names) {
      reader.u8();
      const read = reader.name();
      if (read !== name) t.fail(`${name} was read as ${read}`);
    }
    t.equal(reader.done, true);
  }
  t.ok(known.length < all.length, 'what a link remembers is bounded');
});

t.test('a name is packed once, and one that nobody packed is not read', async (t) => {
  const writer = new PackWriter();
  const known: string[] = [];
  const bytesOf = (name: string): number => {
    writer.begin(1, 3 * name.length);
    writer.name(name);
    const packed = writer.bytes;
    const reader = new PackReader(writer.take(), known);
    t.equal(reader.u8(), 1);
    t.equal(reader.name(), name);
    return packed;
  };
  const first = bytesOf('default\0orders.eu');
  t.equal(bytesOf('default\0orders.eu'), 3);
  t.equal(first, 3 + 2 + 'default\0orders.eu'.length);
  writer.begin(1, 0);
  writer.name('default\0orders.eu');
  const stranger = new PackReader(writer.take());
  stranger.u8();
  t.throws(() => stranger.name(), { message: 'no name has the number 0' });
});
