// Goal: what a node says of itself to others is what all of its workers have: the sum of their topics is left
// to whoever reads, and its backplane is as well as the worst of theirs.
import t from 'tap';
import { isProcess } from '../../../src/core/process-figures.js';
import { MetricCells } from '../../../src/observe/metric-cells.js';
import { WORKER_METRICS } from '../../../src/observe/metrics.js';
import { nodeFigures, nodeMemory } from '../../../src/thread/node-memory.js';
import { processLoad } from '../../../src/thread/process-load.js';
import { WorkerMarks } from '../../../src/thread/worker-marks.js';

t.test('of several workers', async (t) => {
  const memory = nodeMemory({ acceptors: 1, workers: 3 });
  t.same(nodeFigures(memory), { sessions: 0, topics: [0, 0, 0], backplane: 'none' });
  const marks = new WorkerMarks(memory.marks);
  for (const worker of [0, 1, 2]) marks.set(worker, { topics: worker + 1, backplane: 'up' });
  t.match(nodeFigures(memory), { topics: [1, 2, 3], backplane: 'up' });
  marks.set(1, { topics: 9, backplane: 'away' });
  t.match(nodeFigures(memory), { topics: [1, 9, 3], backplane: 'away' });
  marks.set(1, { topics: 9, backplane: 'up' });
  t.match(nodeFigures(memory), { backplane: 'up' });
});

t.test('of its process and each of its threads', async (t) => {
  const memory = nodeMemory({ acceptors: 2, workers: 2 });
  const cells = new MetricCells(WORKER_METRICS, memory.metrics.worker);
  cells.of(1, 'utilization')[0] = 0.25;
  cells.of(1, 'delay')[0] = 0.0123;
  cells.of(1, 'logOpen')[0] = 1;
  const load = processLoad(memory);
  t.same(load.workers, [
    { busy: 0, lateMs: 0, logOpen: false },
    { busy: 0.25, lateMs: 12.3, logOpen: true },
  ]);
  t.equal(load.acceptors.length, 2);
  t.ok(load.residentBytes > 1e6);
  t.ok(isProcess(JSON.parse(JSON.stringify(load))));
  for (const wrong of [null, 1, {}, { ...load, workers: [{}] }, { ...load, cpuCores: 'many' }]) {
    t.notOk(isProcess(wrong), JSON.stringify(wrong));
  }
});
