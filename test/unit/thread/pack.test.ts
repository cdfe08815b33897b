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

t.test('text comes back as it was, by either reader, whatever came before it', async (t) => {
  for (let round = 0; round < 2; round++) {
    const writer = new PackWriter();
    for (const text of TEXTS) {
      writer.begin(1, 2 * 3 * text.length);
      writer.text(text);
      writer.text(text);
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

t.test('names that share a place in the cache are told apart', async (t) => {
  const names = Array.from({ length: 5_000 }, (_, n) => `topic.${n}`);
  const writer = new PackWriter();
  for (const name of [...names, ...names]) {
    writer.begin(1, 3 * name.length);
    writer.text(name);
  }
  const reader = new PackReader(writer.take());
  for (const name of [...names, ...names]) {
    reader.u8();
    if (reader.name() !== name) t.fail(name);
  }
  t.equal(reader.done, true);
});
