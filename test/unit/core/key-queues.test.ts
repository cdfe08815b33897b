import t from 'tap';
import { type Entry, newEntry } from '../../../src/core/cursor-entry.js';
import { KeyQueues } from '../../../src/core/key-queues.js';

function keyed(sequence: number, key: string | null): Entry {
  return { ...newEntry(sequence), key };
}

t.test('one of a key may go, the others after it in the order they came', async (t) => {
  const queues = new KeyQueues();
  const [a, b, c] = [keyed(1, 'k'), keyed(2, 'k'), keyed(3, 'k')];
  t.equal(queues.enter(a), true);
  t.equal(queues.enter(b), false);
  t.equal(queues.enter(c), false);
  t.equal(queues.parked, 2);
  t.equal(queues.leave(a), b);
  t.equal(queues.parked, 1);
  t.equal(queues.enter(b), true);
  t.equal(queues.leave(b), c);
  t.equal(queues.leave(c), null);
  t.equal(queues.enter(keyed(4, 'k')), true);
});

t.test('keys do not wait for one another, and what has none for nobody', async (t) => {
  const queues = new KeyQueues();
  for (const key of ['a', 'b', '', null, null]) t.equal(queues.enter(keyed(1, key)), true);
  t.equal(queues.leave(keyed(9, null)), null);
});

t.test('to ask twice changes nothing', async (t) => {
  const queues = new KeyQueues();
  const [a, b] = [keyed(1, 'k'), keyed(2, 'k')];
  t.equal(queues.enter(a), true);
  t.equal(queues.enter(a), true);
  t.equal(queues.enter(b), false);
  t.equal(queues.enter(b), false);
  t.equal(queues.leave(a), b);
  t.equal(queues.leave(b), null);
});

t.test('one that leaves from the middle lets nobody go', async (t) => {
  const queues = new KeyQueues();
  const [a, b, c] = [keyed(1, 'k'), keyed(2, 'k'), keyed(3, 'k')];
  for (const entry of [a, b, c]) queues.enter(entry);
  t.equal(queues.leave(b), null);
  t.equal(queues.leave(b), null, 'it left already');
  t.equal(queues.leave(a), c);
});

t.test('after a clear all keys are free', async (t) => {
  const queues = new KeyQueues();
  queues.enter(keyed(1, 'k'));
  queues.clear();
  t.equal(queues.enter(keyed(2, 'k')), true);
});
