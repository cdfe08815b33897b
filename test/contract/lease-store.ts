// Goal: quotas are leased alike by the main thread and by PostgreSQL: what is granted of a rate, what holders
// may have together.
import type { Test } from 'tap';
import type { CountAsk, RateAsk } from '../../src/core/quota-lease.js';
import { asTenant } from '../../src/core/topic-key.js';
import type { LeaseStore } from '../../src/tenant/lease-store.js';

export interface OpenLeases {
  /** Of two nodes. */
  stores: readonly [LeaseStore, LeaseStore];
  /** So many ms later for whoever leases. */
  later: (ms: number) => Promise<void>;
}

type Open = (t: Test) => Promise<OpenLeases>;

let tenants = 0;

/** Nobody has asked for any of it. */
function fresh(): { rate: (more: Partial<RateAsk>) => RateAsk; count: (more: object) => CountAsk } {
  const tenant = asTenant(`tenant-${++tenants}`);
  return {
    rate: (more) => ({ tenant, rate: 'messagesPerS', perS: 100, wanted: 10, ...more }),
    count: (more) => ({ tenant, counted: 'sessions', max: 100, used: 0, ...more }),
  };
}

const CASES: Readonly<Record<string, (t: Test, open: Open) => Promise<void>>> = {
  'a bucket is full at first, is emptied, and fills with time': async (t, open) => {
    const { stores, later } = await open(t);
    const { rate } = fresh();
    const take = async (n: 0 | 1, wanted: number): Promise<number> => {
      const ask = { holder: 'a', rates: [rate({ wanted })], counts: [] };
      return (await stores[n].lease(ask)).granted[0] ?? -1;
    };
    t.equal(await take(0, 10), 10);
    const rest = await take(1, 1_000);
    t.ok(rest >= 40 && rest <= 50, `${rest}: what is left, and some that came meanwhile`);
    await later(250);
    const filled = await take(1, 1_000);
    t.ok(filled >= 25 && filled <= 50, `${filled}`);
    await later(5_000);
    const saved = await take(0, 1_000);
    t.equal(Math.round(saved), 50, 'no more is saved up');
  },
  'rates, and tenants, have buckets of their own': async (t, open) => {
    const { stores } = await open(t);
    const [one, other] = [fresh(), fresh()];
    const rates = [
      one.rate({ wanted: 50 }),
      one.rate({ rate: 'bytesPerS', perS: 1_000, wanted: 1_000 }),
      other.rate({ wanted: 0.5 }),
    ];
    const { granted, held } = await stores[0].lease({ holder: 'a', rates, counts: [] });
    t.same([granted, held], [[50, 500, 0.5], []], 'in the order of what was asked for');
  },
  'a slow rate gives one after another': async (t, open) => {
    const { stores, later } = await open(t);
    const ask = { holder: 'a', rates: [fresh().rate({ perS: 1, wanted: 1 })], counts: [] };
    t.same((await stores[0].lease(ask)).granted, [1]);
    t.ok(((await stores[0].lease(ask)).granted[0] ?? 1) < 1);
    await later(1_100);
    t.same((await stores[0].lease(ask)).granted, [1]);
  },
  'holders share the room, and never have more than there is': async (t, open) => {
    const { stores } = await open(t);
    const { count } = fresh();
    const hold = async (n: 0 | 1, holder: string, used: number): Promise<number> => {
      const ask = { holder, rates: [], counts: [count({ used })] };
      return (await stores[n].lease(ask)).held[0] ?? -1;
    };
    t.equal(await hold(0, 'a', 0), 50, 'half is for who comes next');
    t.equal(await hold(1, 'b', 0), 17);
    t.equal(await hold(0, 'a', 50), 50 + Math.ceil((100 - 50 - 17) / 3));
    let [a, b] = [50, 17];
    for (let n = 0; n < 20; n++) {
      a = await hold(0, 'a', a);
      b = await hold(1, 'b', b);
      t.ok(a + b <= 100, `${a} + ${b}`);
    }
    t.equal(a + b, 100);
  },
  'tenants, and what is counted, have room of their own': async (t, open) => {
    const { stores } = await open(t);
    const [one, other] = [fresh(), fresh()];
    const hold = async (holder: string, counts: CountAsk[]): Promise<readonly number[]> =>
      (await stores[0].lease({ holder, rates: [], counts })).held;
    await hold('a', [one.count({ used: 90 })]);
    const counted = 'subscriptions';
    t.same(
      await hold('b', [
        ...[one.count({ used: 0 }), other.count({ used: 0 }), one.count({ counted, used: 0 })],
      ]),
      [2, 50, 50],
    );
  },
  'many at once never hold more than the quota': async (t, open) => {
    const { stores } = await open(t);
    const { count } = fresh();
    const used = Array.from({ length: 8 }, () => 0);
    for (let round = 0; round < 6; round++) {
      const held = await Promise.all(
        used.map(async (has, n) => {
          const ask = { holder: `h${n}`, rates: [], counts: [count({ used: has })] };
          return (await stores[n % 2 === 0 ? 0 : 1].lease(ask)).held[0] ?? 0;
        }),
      );
      const together = held.reduce((sum, one) => sum + one, 0);
      t.ok(together <= 100, `${together}`);
      held.forEach((has, n) => {
        used[n] = has;
      });
    }
  },
  'who has more than a quota that became smaller keeps it, and others get nothing': async (
    t,
    open,
  ) => {
    const { stores } = await open(t);
    const { count } = fresh();
    const counts = (used: number): CountAsk[] => [count({ used, max: 10 })];
    t.same((await stores[0].lease({ holder: 'a', rates: [], counts: counts(30) })).held, [30]);
    t.same((await stores[1].lease({ holder: 'b', rates: [], counts: counts(0) })).held, [0]);
  },
  'what a holder had is free a while after it asked last': async (t, open) => {
    const { stores, later } = await open(t);
    const { count } = fresh();
    await stores[0].lease({ holder: 'dead', rates: [], counts: [count({ used: 100 })] });
    const ask = { holder: 'b', rates: [], counts: [count({ used: 0 })] };
    t.same((await stores[1].lease(ask)).held, [0]);
    await later(5_100);
    t.same((await stores[1].lease(ask)).held, [50]);
  },
};

export function leaseStoreContract(t: Test, open: Open): void {
  for (const [name, run] of Object.entries(CASES)) t.test(name, (t) => run(t, open));
}
