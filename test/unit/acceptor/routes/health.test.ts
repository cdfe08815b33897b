// Goal: health names what does not move, in words, and readiness only what a publish needs.

import t from 'tap';
import { checksOf, presenceCheck } from '../../../../src/acceptor/routes/health.js';
import type { BackplaneState } from '../../../../src/core/backplane-figures.js';
import type { LogState, LogVitals } from '../../../../src/core/log-figures.js';
import type { WorkerHealth } from '../../../../src/core/worker-figures.js';
import { ReleaseWatch } from '../../../../src/log/contract/log-vitals.js';

const WELL: LogVitals = {
  releaseMs: 900,
  dueMs: 0,
  stuckMs: 0,
  upkeepMs: 59_000,
  snapshot: null,
  listening: 'yes',
};

function worker(vitals: Partial<LogVitals>, more: Partial<WorkerHealth> = {}): WorkerHealth {
  const log = { mode: 'postgres', state: 'open' } as const;
  return { log, headsMs: 900, vitals: { ...WELL, ...vitals }, backplane: null, ...more };
}

const FINE = { publish: { log: 'ok', topics: 'ok' }, later: { outbox: 'ok', upkeep: 'ok' } };
const inMemory: WorkerHealth = {
  log: { mode: 'memory', state: 'open' },
  headsMs: null,
  vitals: null,
  backplane: null,
};
const inState = (state: LogState): WorkerHealth => worker({}, { log: { mode: 'postgres', state } });

const relaying = (state: BackplaneState): WorkerHealth => ({
  ...inMemory,
  backplane: { state } as WorkerHealth['backplane'],
});

const CASES: [string, WorkerHealth, Record<string, RegExp>][] = [
  ['all is well', worker({}), {}],
  ['in memory nothing has to move', inMemory, {}],
  ['the log is away', inState('lost'), { log: /cannot be reached/ }],
  ['the disk is full', inState('full'), { log: /disk .* full/ }],
  ['nothing was looked up yet', worker({}, { headsMs: null }), { topics: /yet/ }],
  ['nothing is looked up', worker({}, { headsMs: 7_400 }), { topics: /for 7 s/ }],
  ['the release hangs', worker({ releaseMs: 12_000 }), { outbox: /12 s/ }],
  ['a message is late while others move', worker({ dueMs: 99_000, stuckMs: 400 }), {}],
  ['nothing due moves', worker({ dueMs: 45_000, stuckMs: 31_000 }), { outbox: /45 s.* 31 s/ }],
  ['upkeep does not run', worker({ upkeepMs: 400_000 }), { upkeep: /400 s/ }],
];

for (const [name, one, trouble] of CASES) {
  t.test(name, async (t) => {
    const { publish, later } = checksOf([worker({}), one]);
    for (const [check, state] of Object.entries({ ...publish, ...later })) {
      t.match(state, trouble[check] ?? /^ok$/, check);
    }
    t.same(Object.keys(publish), Object.keys(FINE.publish));
    t.same(Object.keys(later), Object.keys(FINE.later));
  });
}

t.test(
  'nodes in memory that do not hear each other say so; with a log in common it is read',
  async (t) => {
    t.match(checksOf([relaying('up'), relaying('up')]).later, { relay: 'ok' });
    t.match(checksOf([relaying('up'), relaying('away')]).later, { relay: /not heard, nor told/ });
    const { backplane } = relaying('away');
    t.same(Object.keys(checksOf([worker({}, { backplane })]).later), Object.keys(FINE.later));
  },
);

t.test('a lease that is not renewed is told after a while', async (t) => {
  t.equal(presenceCheck({ ageMs: 4_900, holds: false }), 'ok', 'the log says so first');
  t.match(presenceCheck({ ageMs: 7_400, holds: false }), /not renewed for 7 s/);
  t.match(presenceCheck({ ageMs: null, holds: false }), /yet/);
});

t.test('the oldest due row is stuck while it stays the oldest and nothing moves', async (t) => {
  let now = 0;
  const watch = new ReleaseWatch({ now: () => 0, monotonic: () => now, random: () => 0 });
  watch.looked({ dueAtMs: 5, lateMs: 100 });
  now = 10_000;
  t.same(watch.vitals, { releaseMs: 10_000, dueMs: 10_100, stuckMs: 10_000 });
  watch.looked({ dueAtMs: 5, lateMs: 10_100 });
  t.match(watch.vitals, { releaseMs: 0, dueMs: 10_100, stuckMs: 10_000 }, 'the same row');
  watch.moved();
  t.match(watch.vitals, { stuckMs: 0 }, 'rows with the same time move');
  now = 11_000;
  watch.looked({ dueAtMs: 6, lateMs: 11_000 });
  t.match(watch.vitals, { stuckMs: 0 }, 'another row');
  watch.looked(null);
  now = 12_000;
  t.same(watch.vitals, { releaseMs: 1_000, dueMs: 0, stuckMs: 0 });
});
