// Goal: a name comes back as it was put, and one that shares its place is told from it.
import t from 'tap';
import { NameCache } from '../../../src/core/name-cache.js';

t.test('names that share a place are told apart', async (t) => {
  const cache = new NameCache();
  let found = 0;
  for (let round = 0; round < 2; round++) {
    for (let n = 0; n < 5_000; n++) {
      const name = `topic.${n}`;
      const bytes = Buffer.from(`>${name}<`);
      const known = cache.find(bytes, 1, bytes.length - 1);
      if (known !== null) t.equal(known, name);
      t.equal(cache.read(bytes, 1, bytes.length - 1), name);
      if (cache.find(bytes, 1, bytes.length - 1) === name) found++;
    }
  }
  t.equal(found, 10_000, 'each is found right after it was put');
});

t.test('what is not ASCII is read, and not remembered', async (t) => {
  const cache = new NameCache();
  const bytes = Buffer.from('bücher');
  t.equal(cache.read(bytes, 0, bytes.length), 'bücher');
  t.equal(cache.find(bytes, 0, bytes.length), null);
});
