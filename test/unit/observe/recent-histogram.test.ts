// Goal: quantiles of late, not of ever: what a histogram counted before its window does not count.
import t from 'tap';
import { Histogram } from '../../../src/observe/histogram.js';
import { RecentHistogram } from '../../../src/observe/recent-histogram.js';

const BOUNDS = [1, 2, 4, 8];

t.test('quantiles and the mean are of the last ten looks', async (t) => {
  const [counted, recent] = [new Histogram(BOUNDS), new RecentHistogram(BOUNDS)];
  counted.observe(7, 1_000);
  recent.look(counted.cells);
  t.equal(recent.quantile(0.5), 0, 'what was before the first look is not of late');
  t.equal(recent.mean, 0);
  counted.observe(1.5, 100);
  recent.look(counted.cells);
  t.equal(recent.quantile(0.5), 1.5, 'half of the way through its bound');
  t.equal(recent.quantile(1), 2);
  t.equal(recent.mean, 1.5);
  counted.observe(100, 100);
  recent.look(counted.cells);
  t.equal(recent.quantile(0.99), 8, 'above all bounds: the last one');
  t.equal(recent.quantile(0.25), 1.5);
  for (let n = 0; n < 11; n++) recent.look(counted.cells);
  t.equal(recent.quantile(0.99), 0, 'it is forgotten');
  t.equal(recent.mean, 0);
});
