// Goal: what is said while quotas are being read is read once more, and a reading that fails is tried again.
import t from 'tap';
import { eventually } from '../../../native-bench/rig/eventually.js';
import { type TenantQuotas, UNLIMITED } from '../../../src/core/quotas.js';
import { asTenant } from '../../../src/core/topic-key.js';
import { KeptList } from '../../../src/tenant/kept-list.js';

function listOf(topics: number): TenantQuotas[] {
  return [{ tenant: asTenant('acme'), quotas: { ...UNLIMITED, topics } }];
}

t.test('many changes are two readings, and the last one counts', async (t) => {
  let topics = 0;
  let readings = 0;
  const told: (number | null | undefined)[] = [];
  const list = new KeptList({
    read: async () => {
      readings++;
      const read = listOf(topics);
      await new Promise((resolve) => setImmediate(resolve));
      return read;
    },
    onChanged: ([first]) => told.push(first?.quotas.topics),
    onFault: (error) => t.fail(String(error)),
  });
  t.teardown(() => list.close());
  for (topics = 1; topics <= 5; topics++) list.changed();
  await eventually(() => told.length === 2);
  t.equal(readings, 2);
  t.same(told, [1, 6]);
  t.same(list.all, listOf(6));
});

t.test(
  'a reading that fails is told, and tried again; none is told once it is closed',
  async (t) => {
    const faults: string[] = [];
    const told: number[] = [];
    let state: 'away' | 'there' = 'away';
    const list = new KeptList({
      read: async () => {
        if (state === 'away') throw new Error('away');
        return listOf(7);
      },
      onChanged: ({ length }) => told.push(length),
      onFault: (error) => faults.push(String(error)),
    });
    await t.rejects(list.read(), { message: 'away' }, 'at the start it is who asks who is told');
    list.changed();
    await eventually(() => faults.length === 1);
    state = 'there';
    await eventually(() => told.length === 1);
    list.changed();
    list.close();
    await new Promise((resolve) => setImmediate(resolve));
    t.equal(told.length, 1);
  },
);
