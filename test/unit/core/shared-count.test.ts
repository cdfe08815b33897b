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
  t.equal(SharedCount.totalOf(memory), 3);
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
  const max = 2;
  const memory = SharedCount.memory(threads);
  const started = new SharedArrayBuffer(4);
  const url = new URL('../../../src/core/shared-count.js', import.meta.url).href;
  const code = `const { parentPort, workerData } = require('node:worker_threads');
    import(${JSON.stringify(url)}).then(({ SharedCount }) => {
      const { memory, index, threads, max } = workerData;
      const count = new SharedCount(memory, index);
      const started = new Int32Array(workerData.started);
      Atomics.add(started, 0, 1);
      while (Atomics.load(started, 0) < threads);
      let over = 0;
      for (let n = 0; n < 200_000; n++) {
        if (!count.take(max)) continue;
        if (count.total > max) over++;
        count.giveBack();
      }
      parentPort.postMessage({ over });
    });`;
  const seen = await Promise.all(
    Array.from({ length: threads }, (_, index) => {
      const workerData = { memory, started, index, threads, max };
      const worker = new Worker(code, { eval: true, workerData, execArgv: [] });
      return new Promise<{ over: number }>((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      });
    }),
  );
  t.same(
    seen.map(({ over }) => over),
    [0, 0, 0],
  );
  t.equal(new SharedCount(memory, 0).total, 0);
});
