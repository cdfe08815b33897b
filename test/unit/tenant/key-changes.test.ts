// Goal: a key that changes is told of at once; of many that change within a moment few messages are made, in
// which each is once, or all of them where there are too many to name; nothing is told once it is closed.
import t, { type Test } from 'tap';
import { eventually } from '../../../native-bench/rig/eventually.js';
import { apiKeyId, makeApiKey, makeLogin } from '../../../src/core/api-key.js';
import { type ChangedKeys, KeyChanges } from '../../../src/tenant/key-changes.js';

function ids(count: number): string[] {
  return Array.from({ length: count }, () => apiKeyId(makeApiKey().text) ?? '');
}

function opened(t: Test): { told: ChangedKeys[]; changes: KeyChanges } {
  const told: ChangedKeys[] = [];
  const changes = new KeyChanges((some) => told.push(some));
  t.teardown(() => changes.close());
  return { told, changes };
}

t.test('one is told at once, and again', async (t) => {
  const { told, changes } = opened(t);
  const [one = '', other = ''] = ids(2);
  changes.changed([one]);
  t.same(told, [[one]]);
  changes.changed([one]);
  changes.changed([other, one]);
  t.equal(told.length, 1);
  await eventually(() => told.length === 2);
  t.same(told[1], [one, other], 'what came meanwhile together, each once');
});

t.test('many are few messages, and none is missing', async (t) => {
  const { told, changes } = opened(t);
  const all = [...ids(4_000), makeLogin().id];
  for (const id of all) changes.changed([id]);
  await eventually(() => told.flat().length === all.length);
  t.equal(told.length, 2);
  t.same(new Set(told.flat()), new Set(all));
});

t.test('of too many any may have changed, and so of whatever is not said', async (t) => {
  const { told, changes } = opened(t);
  for (const id of ids(10_002)) changes.changed([id]);
  await eventually(() => told.length === 2);
  t.equal(told[1], null);
  changes.changed(null);
  await eventually(() => told.length === 3);
  t.equal(told[2], null);
});

t.test('what is the id of no key is not passed on', async (t) => {
  const { told, changes } = opened(t);
  changes.changed(['', 'x'.repeat(8_000), `cdl_${'x'.repeat(100)}`]);
  t.same(told, []);
});

t.test('closed, it tells nothing more', async (t) => {
  const { told, changes } = opened(t);
  const [one = '', other = ''] = ids(2);
  changes.changed([one]);
  changes.changed([other]);
  changes.close();
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.same(told, [[one]]);
});
