import t from 'tap';
import { HashRing } from '../../../src/core/hash-ring.js';
import { idTag } from '../../../src/core/id-tag.js';
import { TopicPlacement } from '../../../src/thread/placement.js';
import { keyOf } from '../../support/tenants/tenants.js';

const KEYS = Array.from({ length: 10_000 }, (_, i) => keyOf(`topic-${i}.created`));

const placed = (members: string[]): Map<string, string | null> => {
  const ring = new HashRing(members);
  return new Map(KEYS.map((key) => [key, ring.memberOf(key)]));
};

t.test('the hash is the CRC32 of IEEE, on every node and in every version', async (t) => {
  t.equal(idTag(123456789), 0xcbf43926 % 4096, 'its check value');
});

t.test(
  'adding a worker moves only keys that go to the new worker, about their share',
  async (t) => {
    for (const workers of [1, 2, 3, 7]) {
      const before = placed(Array.from({ length: workers }, (_, i) => `worker-${i}`));
      const after = placed(Array.from({ length: workers + 1 }, (_, i) => `worker-${i}`));
      const moved = KEYS.filter((key) => before.get(key) !== after.get(key));
      t.ok(moved.every((key) => after.get(key) === `worker-${workers}`));
      const share = moved.length / KEYS.length;
      const fair = 1 / (workers + 1);
      t.ok(share > fair * 0.6 && share < fair * 1.4, `${workers} -> ${workers + 1}: ${share}`);
    }
  },
);

t.test('removing a worker moves only the keys it had', async (t) => {
  const before = placed(['a', 'b', 'c']);
  const after = placed(['a', 'c']);
  for (const key of KEYS) {
    if (before.get(key) !== 'b') t.equal(after.get(key), before.get(key));
  }
});

t.test('an empty ring has no member', async (t) => {
  t.equal(new HashRing([]).memberOf('x'), null);
});

t.test('placement gives every worker topics, and always the same', async (t) => {
  const one = new TopicPlacement(4);
  const two = new TopicPlacement(4);
  const seen = new Set<number>();
  for (const key of KEYS) {
    const worker = one.workerOf(key);
    t.equal(two.workerOf(key), worker);
    seen.add(worker);
  }
  t.same([...seen].sort(), [0, 1, 2, 3]);
});
