// Goal: what the load generator says is taken only whole, and a run with problems never becomes a
// figure: neither its own, nor that of the runs around it.
import t from 'tap';
import { readLoadResult } from '../../native-bench/load-result.js';
import { argumentsOf } from '../../native-bench/loadgen.js';
import { failedSample, median, sampleOf, summaryOf } from '../../native-bench/sample.js';

type Json = Record<string, unknown>;

const LATENCY = { p50: 1, p90: 2, p95: 3, p99: 4, p999: 5, max: 6, mean: 1.5 };

function result(): Json {
  return {
    valid: true,
    problems: [],
    seconds: 2,
    options: {},
    published: {
      count: 100,
      per_s: 50,
      errors: {},
      latency_us: { ...LATENCY },
      corrected: false,
      histogram: [[1, 100]],
    },
    delivered: {
      count: 0,
      per_s: 0,
      bytes: 0,
      acked: 0,
      gaps: 0,
      duplicates: 0,
      reorders: 0,
      latency_us: { ...LATENCY },
      histogram: [],
    },
    first_delivery_s: null,
    complete_s: null,
    cpu_s: { loadgen: 0.001, server: 0.004 },
    rss_bytes: { server: { start: 1, end: 2 } },
  };
}

/** Every field by its way: `published.latency_us.p50`. */
function ways(json: Json, before: readonly string[] = []): string[][] {
  return Object.entries(json).flatMap(([name, value]) => {
    const way = [...before, name];
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? [way, ...ways(value as Json, way)] : [way];
  });
}

function changed(way: readonly string[], change: (holder: Json, name: string) => void): Json {
  const all = result();
  const holder = way.slice(0, -1).reduce((json, name) => json[name] as Json, all);
  change(holder, way.at(-1) ?? '');
  return all;
}

/** What is not read, or has any names in it. */
const OPEN = /^options|^(cpu_s|rss_bytes|published\.errors)\.\w+$|^delivered\.latency_us\./;

t.test('a field that is missing or of another kind is an error that names it', async (t) => {
  t.same(readLoadResult(result()).cpuS, { loadgen: 0.001, server: 0.004 });
  for (const way of ways(result()).filter((one) => !OPEN.test(one.join('.')))) {
    const name = way.at(-1) ?? '';
    const without = changed(way, (holder) => delete holder[name]);
    t.throws(() => readLoadResult(without), { message: new RegExp(` has no ${name}$`) }, name);
    const wrong = changed(way, (holder) => {
      holder[name] = 'x';
    });
    if (way.join('.') === 'delivered.latency_us') continue;
    t.throws(() => readLoadResult(wrong), { message: new RegExp(`\\b${name}\\b`) }, name);
  }
  for (const json of [null, [], 'x', 1]) {
    t.throws(() => readLoadResult(json), { message: 'load generator: the result is no object' });
  }
});

t.test('latencies of nothing are none', async (t) => {
  t.equal(readLoadResult(result()).delivered.latencyUs, null);
  t.same(readLoadResult(result()).published.latencyUs, LATENCY);
});

t.test('CPU is by message, and what was not counted is a problem', async (t) => {
  const sample = sampleOf(readLoadResult(result()), 'published');
  t.match(sample, { perSecond: 50, cpuUs: { loadgen: 10, server: 40 }, problems: [] });
  t.same(sampleOf(readLoadResult(result()), 'delivered').problems, ['nothing was delivered']);
  const silent = { ...result(), valid: false };
  t.same(sampleOf(readLoadResult(silent), 'published').problems, [
    'the load generator calls the run invalid',
  ]);
});

t.test('one run with problems takes the figure from all', async (t) => {
  const samples = [10, 30, 20].map((perSecond) => ({
    ...failedSample(''),
    perSecond,
    problems: [],
  }));
  t.same(summaryOf(samples)?.perSecond, { median: 20, min: 10, max: 30 });
  t.equal(summaryOf([...samples, failedSample('503\nand more')]), null);
  t.same(failedSample('503\nand more').problems, ['503']);
  t.equal(summaryOf([]), null);
  t.equal(median([4, 1, 3, 2]), 2.5);
});

t.test('options become arguments', async (t) => {
  const options = { publish: 'http', noCreate: true, turn: false, maxInFlight: 9 } as const;
  t.equal(
    argumentsOf('127.0.0.1:1', options, { server: 7 }).join(' '),
    '--target 127.0.0.1:1 --publish http --no-create --max-in-flight 9 --watch server=7',
  );
});
