// Goal: an hour of figures is kept in bounded memory and read in order; what happens is told one by one up
// to a rate, then counted, and one tenant takes no place of another.
import t from 'tap';
import { eventually } from '../../../native-bench/rig/eventually.js';
import { FigureHistory, type FigurePoint, POINTS_MAX } from '../../../src/core/figure-history.js';
import type { Happening } from '../../../src/core/happening.js';
import { Happenings } from '../../../src/core/happenings.js';
import { asTenant } from '../../../src/core/topic-key.js';

function point(n: number): FigurePoint {
  const rates = { publishedPerS: n, redeliveredPerS: 0, deadLetteredPerS: 0 };
  return { atMs: n * 1_000, ...rates, subscribers: n % 7, sessions: 1 };
}

t.test('history', async (t) => {
  const memory = FigureHistory.memory(SharedArrayBuffer, 'tenant');
  const of = () => new FigureHistory('tenant', memory);
  const [written, read] = [of(), of()];
  t.same(read.read(), []);
  t.equal(read.last, null);
  for (let n = 1; n <= 5; n++) written.add(point(n));
  t.same(read.read(), [1, 2, 3, 4, 5].map(point));
  for (let n = 6; n <= POINTS_MAX + 500; n++) written.add(point(n));
  t.same(read.last, point(POINTS_MAX + 500));
  const points = read.read();
  t.ok(points.length >= 890 && points.length <= 910, `${points.length} points`);
  const times = points.map(({ atMs }) => atMs);
  t.same(
    times,
    [...times].sort((a, b) => a - b),
  );
  t.same(
    points.slice(-500),
    Array.from({ length: 500 }, (_, n) => point(POINTS_MAX + n + 1)),
  );
  t.ok((points[0]?.atMs ?? 0) > 500_000 && (points[0]?.atMs ?? 0) < 512_000, 'an hour, no more');
  t.equal(points[0]?.publishedPerS, (points[0]?.atMs ?? 0) / 1_000, 'the mean of ten');
});

t.test('a node has more columns than a tenant', async (t) => {
  const [node, tenant] = [new FigureHistory('node'), new FigureHistory('tenant')];
  for (const history of [node, tenant]) history.add({ ...point(1), deliveryP99Ms: 2.5 });
  t.match(node.last, { deliveryP99Ms: 2.5, inFlight: 0, publishedPerS: 1 });
  t.same(tenant.last, point(1), 'those of a node are no column of it');
  t.notOk(tenant.columns.includes('deliveryP99Ms'));
});

t.test('happenings', async (t) => {
  const sent: Happening[][] = [];
  const happenings = new Happenings({ now: () => 5 }, (all) => sent.push(all));
  const [busy, quiet] = [asTenant('busy'), asTenant('quiet')];
  for (let n = 0; n < 500; n++) {
    happenings.add({ kind: 'session.opened', tenant: busy, name: `c${n}` });
  }
  happenings.add({ kind: 'topic.created', tenant: quiet, topic: 'one' });
  await eventually(() => sent.length === 1);
  const [all = []] = sent;
  const ofBusy = all.filter(({ tenant }) => tenant === busy);
  t.equal(ofBusy.length, 11);
  t.equal(
    ofBusy.reduce((sum, { count }) => sum + count, 0),
    500,
  );
  t.match(ofBusy.at(-1), { count: 490, name: null, atMs: 5 });
  t.match(
    all.filter(({ tenant }) => tenant === quiet),
    [{ topic: 'one', count: 1 }],
  );
  for (let n = 0; n < 2_000; n++) {
    const tenant = asTenant(`t${n % 500}`);
    happenings.add({ kind: 'dead_letter', tenant, count: 2 });
  }
  await eventually(() => sent.length === 2);
  const told = sent[1] ?? [];
  t.ok(told.length <= 265, `${told.length} told`);
  t.equal(
    told.reduce((sum, { count }) => sum + count, 0),
    4_000,
    'none is lost without a word',
  );
  t.equal(told.at(-1)?.kind, 'lost');
  happenings.close();
});
