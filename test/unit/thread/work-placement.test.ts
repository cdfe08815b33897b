// Goal: of the nodes that live each work has one, a node that goes gives only its own to others, and one
// whose lease is over does nothing, whatever it last knew.
import t from 'tap';
import { LEASE_MS, Lease } from '../../../src/thread/lease.js';
import { WorkPlacement } from '../../../src/thread/work-placement.js';

const NAMES = ['a', 'b', 'c'];
const WORK = Array.from({ length: 300 }, (_, n) => `outbox/default/topic.${n}`);

let now = 0;
function nodes(living: readonly string[]): Map<string, WorkPlacement> {
  const leased = (): Lease => {
    const lease = new Lease(Lease.memory(), () => now);
    lease.renewed(now);
    return lease;
  };
  return new Map(
    living.map((node) => [node, new WorkPlacement({ node, lease: leased(), living })]),
  );
}

function placesOf(all: ReadonlyMap<string, WorkPlacement>, work: string): string[] {
  return [...all].filter(([, placement]) => placement.isHere(work)).map(([node]) => node);
}

t.test('each work has one node, and moves only when that is gone', async (t) => {
  const all = nodes(NAMES);
  const before = new Map(WORK.map((work) => [work, placesOf(all, work)]));
  for (const places of before.values()) t.equal(places.length, 1);
  for (const node of NAMES) {
    const share = [...before.values()].filter(([place]) => place === node).length;
    t.ok(share > 40, `${node} has ${share} of 300`);
  }
  let moved = 0;
  all.delete('b');
  for (const placement of all.values()) {
    placement.onMoved = () => moved++;
    placement.place(['a', 'c']);
  }
  t.equal(moved, 2, 'whoever does the work is told');
  for (const work of WORK) {
    const places = placesOf(all, work);
    t.equal(places.length, 1);
    if (before.get(work)?.[0] !== 'b') t.same(places, before.get(work));
  }
});

t.test('a node whose lease is over does nothing', async (t) => {
  const all = nodes(['a']);
  t.same(placesOf(all, 'upkeep/retention'), ['a']);
  now += LEASE_MS;
  t.same(placesOf(all, 'upkeep/retention'), []);
});
