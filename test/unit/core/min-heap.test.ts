import fc from 'fast-check';
import t from 'tap';
import { MinHeap } from '../../../src/core/min-heap.js';

t.test('values come out by ascending key', async () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), (keys) => {
      const heap = new MinHeap<number>();
      for (const key of keys) heap.push(key, key);
      const sorted = [...keys].sort((a, b) => a - b);
      return sorted.every((key) => heap.minKey === key && heap.pop() === key) && heap.size === 0;
    }),
  );
});

t.test('what is not retained never comes out', async () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), (keys) => {
      const heap = new MinHeap<number>();
      for (const key of keys) heap.push(key, key);
      heap.retain((key) => key % 3 !== 0);
      const kept = keys.filter((key) => key % 3 !== 0).sort((a, b) => a - b);
      return kept.every((key) => heap.minKey === key && heap.pop() === key) && heap.size === 0;
    }),
  );
});

t.test('an empty heap has no value and an infinite key', async (t) => {
  const heap = new MinHeap<string>();
  t.equal(heap.pop(), undefined);
  t.equal(heap.minKey, Number.POSITIVE_INFINITY);
});
