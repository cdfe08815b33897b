// Goal: what acceptors have open of a tenant is, together, never more than its quota and a tenth of it,
// which a thread that was not told yet gives by itself; room that one gives back comes to the others.
import fc from 'fast-check';
import t from 'tap';
import { HELD_MS } from '../../../src/core/quota-lease.js';
import { asTenant } from '../../../src/core/topic-key.js';
import { HeldRoom } from '../../../src/tenant/held-room.js';
import { MemoryLeases } from '../../../src/tenant/memory-leases.js';

const tenant = asTenant('acme');

function rig(max: number, holders: number) {
  const clock = { ms: 0, monotonic: () => clock.ms };
  const leases = new MemoryLeases(clock);
  const all = Array.from({ length: holders }, () => new HeldRoom(max, 0));
  const turn = async (of: readonly HeldRoom[] = all): Promise<void> => {
    clock.ms += 100;
    for (const holding of of) {
      if (!holding.isDue(clock.ms)) continue;
      const ask = { tenant, counted: 'sessions', max, used: holding.used } as const;
      const holder = String(all.indexOf(holding));
      const { held } = await leases.lease({ holder, rates: [], counts: [ask] });
      holding.held(held[0] ?? 0);
    }
  };
  return { clock, all, turn };
}

function tryOpen(holding: HeldRoom | undefined, times: number): number {
  let opened = 0;
  for (let n = 0; n < times; n++) {
    if (holding?.hasRoom() !== true) continue;
    holding.add();
    opened++;
  }
  return opened;
}

function sum(all: readonly HeldRoom[]): number {
  return all.reduce((used, one) => used + one.used, 0);
}

t.test('a storm on all acceptors at once stays within the quota and a tenth', async () => {
  const storms = fc.array(fc.array(fc.nat(40), { minLength: 3, maxLength: 3 }), {
    minLength: 5,
    maxLength: 20,
  });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 200 }), storms, async (max, rounds) => {
      const { all, turn } = rig(max, 3);
      for (const round of rounds) {
        for (const [n, room] of all.entries()) tryOpen(room, round[n] ?? 0);
        if (sum(all) > max + 3 * Math.ceil(max / 10)) return false;
        await turn();
        await turn();
      }
      return true;
    }),
  );
});

t.test('one acceptor comes to the whole quota, and not beyond', async (t) => {
  const { all, turn } = rig(50, 1);
  for (let n = 0; n < 20; n++) {
    tryOpen(all[0], 100);
    await turn();
  }
  t.equal(sum(all), 50);
});

t.test('what one closes the others may open', async (t) => {
  const { all, turn } = rig(20, 2);
  const [one, other] = all;
  for (let n = 0; n < 20; n++) {
    tryOpen(one, 100);
    await turn();
  }
  const before = sum(all);
  t.equal(before, 20);
  for (let n = 0; n < 10; n++) one?.giveBack();
  let opened = 0;
  for (let n = 0; n < 25; n++) {
    opened += tryOpen(other, 1);
    await turn();
  }
  t.ok(opened >= 5, `${opened}`);
  t.ok(sum(all) <= 22);
});

t.test('what a dead acceptor held is free once its lease is over', async (t) => {
  const { clock, all, turn } = rig(20, 2);
  const [dead, alive] = all;
  for (let n = 0; n < 20; n++) {
    tryOpen(dead, 100);
    await turn();
  }
  const living = alive === undefined ? [] : [alive];
  tryOpen(alive, 100);
  await turn(living);
  t.ok((alive?.used ?? 0) <= 2, 'while it may be alive');
  clock.ms += HELD_MS;
  for (let n = 0; n < 20; n++) {
    tryOpen(alive, 100);
    await turn(living);
  }
  t.equal(alive?.used, 20);
});

t.test('a quota that became smaller closes nothing, and opens nothing', async (t) => {
  const { all, turn } = rig(10, 1);
  const [holding] = all;
  for (let n = 0; n < 10; n++) {
    tryOpen(holding, 10);
    await turn();
  }
  if (holding === undefined) return;
  holding.max = 3;
  t.equal(holding.used, 10);
  t.equal(holding.hasRoom(), false);
  for (let n = 0; n < 8; n++) holding.giveBack();
  t.equal(holding.hasRoom(), true);
});
