// Goal: what a node says of itself to others is what all of its workers have: the sum of their topics is left
// to whoever reads, and its backplane is as well as the worst of theirs.
import t from 'tap';
import { nodeFigures, nodeMemory } from '../../../src/thread/node-memory.js';
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
