// Goal: what threads say of themselves adds up, whoever takes the place of whom: counts go on from where the
// predecessor stood, gauges do not, and each thread has a part of its own.
import t from 'tap';
import { Histogram } from '../../../src/observe/histogram.js';
import { MetricCells } from '../../../src/observe/metric-cells.js';
import { by, counter, gauge, histogram, workerGauge } from '../../../src/observe/metric-kinds.js';
import { MetricsText } from '../../../src/observe/metrics-text.js';

const TABLE = {
  done: by(counter('c_done_total', 'Done.'), 'how', ['well', 'notWell']),
  open: gauge('c_open', 'Open.'),
  busy: workerGauge('c_busy_ratio', 'Busy.'),
  took: histogram('c_took_seconds', 'Took.', [0.1, 1]),
} as const;

function samples(n: number, took = new Histogram([0.1, 1])) {
  return { done: { well: n, notWell: 0 }, open: n, busy: n, took };
}

t.test('parts of several threads', async (t) => {
  const cells = new MetricCells(TABLE, MetricCells.memory(TABLE, 2));
  cells.writer(0)(samples(3));
  cells.writer(1)(samples(4));
  t.same([...cells.sum('done')], [7, 0]);
  t.same([...cells.of(0, 'busy')], [3]);
  t.same([...cells.of(1, 'busy')], [4]);
  const first = cells.writer(0);
  first(samples(1));
  t.same([...cells.sum('done')], [8, 0], 'the new one goes on from 3');
  t.same([...cells.sum('open')], [5], 'what is open is not what was');
  first(samples(2));
  t.same([...cells.sum('done')], [9, 0], 'what it says is since its own start');
});

t.test('a histogram counts what is within each bound, its end included', async (t) => {
  const took = new Histogram([0.1, 1]);
  for (const value of [0, 0.1, 0.11, 1, 1.5]) took.observe(value);
  took.observe(2, 3);
  t.same([...took.cells.subarray(0, 3)], [2, 2, 4]);
  t.equal(Math.round((took.cells[3] ?? 0) * 100), 871);
});

t.test('as Prometheus reads it', async (t) => {
  const took = new Histogram([0.1, 1]);
  for (const value of [0.05, 0.5, 5]) took.observe(value);
  const cells = new MetricCells(TABLE, MetricCells.memory(TABLE, 1));
  cells.writer(0)(samples(2, took));
  const page = new MetricsText();
  page.add(TABLE.done, [{ cells: cells.sum('done'), labels: {} }]);
  page.add(TABLE.took, [{ cells: cells.sum('took'), labels: { node: 'a"b' } }]);
  t.equal(
    await page.text(),
    `# HELP c_done_total Done.
# TYPE c_done_total counter
c_done_total{how="well"} 2
c_done_total{how="not_well"} 0

# HELP c_took_seconds Took.
# TYPE c_took_seconds histogram
c_took_seconds_bucket{node="a\\"b",le="0.1"} 1
c_took_seconds_bucket{node="a\\"b",le="1"} 2
c_took_seconds_bucket{node="a\\"b",le="+Inf"} 3
c_took_seconds_sum{node="a\\"b"} 5.55
c_took_seconds_count{node="a\\"b"} 3
`,
  );
});
