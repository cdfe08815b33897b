// Goal: every thread knows without asking whether the node's lease holds, and none believes in it for longer
// than the database does.
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { LEASE_MS, Lease } from '../../../src/thread/lease.js';
import { LeaseWatch } from '../../../src/thread/lease-watch.js';

t.test('a lease that was over when it was renewed has lapsed, as every thread sees', async (t) => {
  let now = 100;
  const memory = Lease.memory();
  const [lease, other] = [new Lease(memory, () => now), new Lease(memory, () => now)];
  lease.renewed(now);
  const { lapses } = other;
  now += LEASE_MS / 2;
  lease.renewed(now);
  t.equal(other.lapses, lapses, 'it held until then');
  now += LEASE_MS;
  lease.renewed(now);
  t.ok(other.holds);
  t.equal(other.lapses, lapses + 1);
});

t.test('it holds from a renewal on, for less than the database says', async (t) => {
  let now = 100;
  const lease = new Lease(Lease.memory(), () => now);
  t.match({ ageMs: lease.ageMs, holds: lease.holds }, { ageMs: null, holds: false }, 'never');
  lease.renewed(100);
  t.ok(lease.holds);
  now += LEASE_MS - 50;
  t.match({ ageMs: lease.ageMs, holds: lease.holds }, { ageMs: LEASE_MS - 50, holds: true });
  now += 49;
  t.notOk(lease.holds, 'not to the last moment');
  lease.renewed(now - 3 * LEASE_MS);
  t.notOk(lease.holds, 'a renewal counts from when it was sent');
  lease.renewed(now);
  t.ok(lease.holds);
});

t.test('another thread sees it by the same clock, however late that was started', async (t) => {
  const memory = Lease.memory();
  const url = new URL('../../../src/thread/lease.js', import.meta.url).href;
  const clock = new URL('../../../src/thread/process-clock.js', import.meta.url).href;
  const code = `const { parentPort, workerData } = require('node:worker_threads');
    Promise.all([import(${JSON.stringify(url)}), import(${JSON.stringify(clock)})]).then(
      ([{ Lease }, { processMs }]) => {
        const lease = new Lease(workerData);
        const before = lease.holds;
        parentPort.once('message', () => {
          parentPort.postMessage({ before, after: lease.holds, ageMs: lease.ageMs, at: processMs() });
        });
        parentPort.postMessage('ready');
      });`;
  const worker = new Worker(code, { eval: true, workerData: memory, execArgv: [] });
  await new Promise((resolve) => worker.once('message', resolve));
  const { processMs } = await import('../../../src/thread/process-clock.js');
  const sentAtMs = processMs();
  new Lease(memory).renewed(sentAtMs);
  const seen = await new Promise<{ before: boolean; after: boolean; ageMs: number; at: number }>(
    (resolve) => {
      worker.once('message', resolve);
      worker.postMessage('look');
    },
  );
  t.match(seen, { before: false, after: true });
  t.ok(seen.ageMs >= 0 && seen.ageMs <= seen.at - sentAtMs, `${seen.ageMs} ms`);
});

t.test('what was taken by a lease that did not hold all the while is in doubt', async (t) => {
  let now = 1_000;
  const lease = new Lease(Lease.memory(), () => now);
  lease.renewed(now);
  let held = 0;
  const watch = new LeaseWatch(lease, () => held++);
  const whole = watch.taking();
  whole();
  t.ok(watch.mayDispatch, 'it held');
  const lapsed = watch.taking();
  now += LEASE_MS;
  lease.renewed(now);
  // A look at the terms that began before the answer does not speak of what came with it.
  const { lapses } = watch;
  lapsed();
  watch.checked(lapses);
  t.notOk(watch.mayDispatch);
  t.ok(watch.isInDoubt);
  watch.checked(watch.lapses);
  t.ok(watch.mayDispatch);
  now += LEASE_MS;
  const without = watch.taking();
  lease.renewed(now);
  watch.checked(watch.lapses);
  without();
  t.ok(watch.isInDoubt, 'nor when it was asked for without one');
  t.ok(held > 0);
});
