import { Worker } from 'node:worker_threads';
import t from 'tap';
import { SharedCount } from '../../../src/core/shared-count.js';

t.test('threads count together up to the limit, and give back', async (t) => {
  const memory = SharedCount.memory(2);
  const [a, b] = [new SharedCount(memory, 0), new SharedCount(memory, 1)];
  t.same([a.take(3), b.take(3), a.take(3), b.take(3)], [true, true, true, false]);
  a.giveBack();
  t.equal(b.take(3), true);
  t.equal(b.take(3), false);
  t.equal(a.total, 3);
});

t.test('what a thread held is free when another has its place', async (t) => {
  const memory = SharedCount.memory(2);
  const [a, b] = [new SharedCount(memory, 0), new SharedCount(memory, 1)];
  for (let n = 0; n < 4; n++) a.take(10);
  b.take(10);
  const successor = new SharedCount(memory, 0);
  t.equal(successor.total, 1);
  t.equal(successor.take(2), true);
  t.equal(b.take(2), false);
});

t.test('it is exact when threads count at the same moment', async (t) => {
  const threads = 3;
  const memory = SharedCount.memory(threads);
  const url = new URL('../../../src/core/shared-count.js', import.meta.url).href;
  const code = `const { parentPort, workerData } = require('node:worker_threads');
    import(${JSON.stringify(url)}).then(({ SharedCount }) => {
      const count = new SharedCount(workerData.memory, workerData.index);
      let taken = 0;
      for (let n = 0; n < 20_000; n++) {
        if (!count.take(10_000)) continue;
        taken++;
        if (n % 3 === 0) { count.giveBack(); taken--; }
      }
      parentPort.postMessage(taken);
    });`;
  const taken = await Promise.all(
    Array.from({ length: threads }, (_, index) => {
      const worker = new Worker(code, { eval: true, workerData: { memory, index }, execArgv: [] });
      return new Promise<number>((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      });
    }),
  );
  t.equal(
    taken.reduce((sum, one) => sum + one, 0),
    10_000,
  );
});
