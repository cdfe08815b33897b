/** Does the work of an entry with a running contender: load in, figures out. */
import { underAttack } from './attack.js';
import type { Latency, Running } from './contender.js';
import { watchDisk } from './disk.js';
import { type OwnLoad, phasesOf, underSnapshot } from './held.js';
import type { LoadResult } from './load-result.js';
import { type LoadOptions, readyLoad, runLoad } from './loadgen.js';
import type { MeasuredServer, MeasuringTimes } from './measuring.js';
import { recover } from './recovery.js';
import { residentBytes } from './resident-bytes.js';
import { failedSample, type Measured, type Step, sampleOf } from './sample.js';
import type { BesideWork, HoldWork, LoadWork, RatesWork, Work } from './scenario.js';
import { startScraper } from './scraper.js';
import { makeTenants } from './tenants.js';

/** A rate is sustained when the p99 is below it, and nothing failed. */
const P99_US_MAX = 250_000;
/** The table goes on this far beyond the first rate that fails. */
const FAILURES_MAX = 2;
/** Sessions are held so long at most. */
const HOLD_S = 300;
const SETTLE_MS = 1_000;
/** An audience is there so much longer than what it listens to. */
const OUTLASTS_S = 1;
const WARM_S_MIN = 2;
/** So often as long as the warm-up of a measurement. */
const WARM_TIMES = 2;
/** The load generator's option for what is at a second node. */
const SECOND = { subscribers: 'subscribeTarget', publishers: 'secondTarget' } as const;
/** What a fill may take; it ends by its count. */
const FILL_S = 120;

/** Rejects LoadgenError; what the server does wrong is a problem of the sample. */
export async function doWork(
  asked: Work,
  running: Running,
  times: MeasuringTimes,
): Promise<Measured> {
  const work = divided(asked, running.second);
  const server = serverOf(running);
  const trouble = await warm(work, server, times);
  if (trouble !== null) return { sample: failedSample(`warming up: ${trouble}`), steps: [] };
  switch (work.kind) {
    case 'load':
      return { sample: await load(work, server, times), steps: [] };
    case 'rates':
      return rates(work, server, times);
    case 'beside':
      return { sample: await beside(work, server, times), steps: [] };
    case 'attack':
      return { sample: await underAttack(work, server, times), steps: [] };
    case 'hold':
      return { sample: await hold(work, server), steps: [] };
    case 'held':
      return underSnapshot(work, { held: server, control: serverOf(running.control) }, times);
    case 'recovery':
      return { sample: await recover(work, running, times), steps: [] };
  }
}

function serverOf(running: Running | undefined): MeasuredServer {
  if (running === undefined) throw new Error('there is no other to compare it with');
  const { target, processes, database = null } = running;
  if (target === null) throw new Error('it has no address for the load generator');
  return { target, processes, database };
}

/** Of a contender that measures itself: all but the phases of a snapshot is one measurement. */
export async function doOwnWork(
  work: Work,
  own: OwnLoad,
  times: MeasuringTimes,
): Promise<Measured> {
  if (work.kind === 'held') return phasesOf(work, own, times);
  return { sample: await own.measure(times.duration), steps: [] };
}

/** Part of its load at the second node, when it asks for that. */
function divided(work: Work, second: string | undefined): Work {
  if (work.kind !== 'load' || work.atSecond === undefined) return work;
  if (second === undefined) throw new Error('there is no second node');
  return { ...work, load: { ...work.load, [SECOND[work.atSecond]]: second } };
}

/** Null, or why it did not go well. */
async function warm(
  work: Work,
  { target }: MeasuredServer,
  times: MeasuringTimes,
): Promise<string | null> {
  if (!('warm' in work)) return null;
  const duration = Math.max(WARM_S_MIN, WARM_TIMES * times.warmup);
  const options = { ...work.load, ...work.warm, warmup: 0, duration };
  const { valid, problems } = await runLoad(target, options);
  return valid ? null : (problems[0] ?? 'invalid');
}

async function load(
  work: LoadWork,
  server: MeasuredServer,
  times: MeasuringTimes,
): Promise<Measured['sample']> {
  const { target, processes, database } = server;
  if (work.tenants !== undefined) await makeTenants(target, work.tenants);
  if (work.before !== undefined) {
    const fill = { warmup: 0, duration: FILL_S, ...work.before };
    const { valid, problems } = await runLoad(target, fill);
    if (!valid) return failedSample(`filling the topic: ${problems[0] ?? 'invalid'}`);
  }
  if (work.audience !== undefined) return beforeAudience(work, work.audience, server, times);
  const disk = work.disk === true && database !== null ? await watchDisk(database) : null;
  const scraper = work.scraped === true ? startScraper(target) : null;
  const result = await runLoad(target, { ...times, ...work.load }, processes);
  await scraper?.stop();
  const measured = sampleOf(result, work.count);
  const sample = { ...measured, more: { ...measured.more, ...(await disk?.bytes()) } };
  const { messages, subscribers = 0, topics = 1 } = work.load;
  const { completeS, firstDeliveryS } = result;
  if (messages === undefined || completeS === null) return sample;
  // Replay: all that was asked for, from the request to the last message.
  const seconds = { complete_s: completeS, first_delivery_s: firstDeliveryS ?? 0 };
  const perSecond = (subscribers * topics * messages) / completeS;
  // How old a message is when it is read again says nothing.
  return { ...sample, perSecond, deliveryUs: null, more: { ...sample.more, ...seconds } };
}

/** The audience is there before what is counted, and outlasts it. */
async function beforeAudience(
  work: LoadWork,
  audience: LoadOptions,
  { target, processes }: MeasuredServer,
  times: MeasuringTimes,
): Promise<Measured['sample']> {
  const { warmup, duration } = times;
  const lasts = { warmup: 0, duration: warmup + duration + OUTLASTS_S };
  const listening = await readyLoad(target, { ...lasts, ...audience });
  const [result, heard] = await Promise.all([
    runLoad(target, { ...times, ...work.load }, processes),
    listening.result,
  ]);
  const sample = sampleOf(result, work.count);
  const { perSecond, more, problems } = sampleOf(heard, 'delivered');
  return {
    ...sample,
    more: { ...sample.more, ...more, delivered_per_s: perSecond },
    problems: [...sample.problems, ...problems.map((line) => `the audience: ${line}`)],
  };
}

async function rates(
  work: RatesWork,
  server: MeasuredServer,
  times: MeasuringTimes,
): Promise<Measured> {
  const steps: Step[] = [];
  let best: { step: Step; result: LoadResult } | null = null;
  let failures = 0;
  for (const rate of work.rates) {
    const options = { ...times, ...work.load, rate };
    const result = await runLoad(server.target, options, server.processes);
    const step = stepOf(rate, result);
    steps.push(step);
    if (step.passed) best = { step, result };
    else if (++failures === FAILURES_MAX) break;
  }
  if (best === null) {
    const why = steps[0]?.problems[0] ?? `p99 is ${P99_US_MAX / 1_000} ms or more`;
    return { sample: failedSample(`no rate is sustained, not even the lowest: ${why}`), steps };
  }
  const sample = sampleOf(best.result, 'published');
  return { sample: { ...sample, more: { ceiling_per_s: best.step.rate } }, steps };
}

function stepOf(rate: number, result: LoadResult): Step {
  const { count, perSecond, latencyUs, errors } = result.published;
  const failed = Object.values(errors).reduce((sum, one) => sum + one, 0);
  return {
    rate,
    perSecond,
    latencyUs,
    errors: failed / Math.max(1, failed + count),
    passed: result.valid && failed === 0 && latencyUs !== null && latencyUs.p99 < P99_US_MAX,
    problems: result.problems,
  };
}

async function beside(
  work: BesideWork,
  server: MeasuredServer,
  times: MeasuringTimes,
): Promise<Measured['sample']> {
  const { target, processes } = server;
  const quiet: LoadOptions = { ...times, ...work.load };
  const alone = sampleOf(await runLoad(target, quiet, processes), 'published');
  if (alone.problems.length > 0) return alone;
  // The other load is there before the quiet one is counted, and outlasts it.
  const { warmup, duration } = times;
  const options = { warmup, duration: duration + warmup + 1, ...work.busy };
  const [quietResult, busyResult] = await Promise.all([
    runLoad(target, { ...quiet, warmup: warmup + 0.5 }),
    runLoad(target, options, processes),
  ]);
  const [sample, busy] = [sampleOf(quietResult, 'published'), sampleOf(busyResult, 'published')];
  const p99 = (latency: Latency | null): number => latency?.p99 ?? 0;
  return {
    ...sample,
    cpuUs: busy.cpuUs,
    more: {
      alone_p99_us: p99(alone.latencyUs),
      alone_receive_p99_us: p99(alone.deliveryUs),
      times_alone: p99(sample.latencyUs) / p99(alone.latencyUs),
      busy_per_s: busy.perSecond,
    },
    problems: [...sample.problems, ...busy.problems.map((line) => `the other topic: ${line}`)],
  };
}

async function hold(work: HoldWork, server: MeasuredServer): Promise<Measured['sample']> {
  const { target, processes } = server;
  const pid = processes['server'] ?? 0;
  const before = residentBytes(pid);
  const options: LoadOptions = { warmup: 0, duration: HOLD_S, ...work.load, hold: true };
  const held = await readyLoad(target, options, processes);
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const after = residentBytes(pid);
  held.release();
  const { valid, problems } = await held.result;
  const wanted = work.load.subscribers ?? 0;
  if (!valid) return failedSample(problems[0] ?? 'the load generator calls the run invalid');
  if (held.ready !== wanted) return failedSample(`only ${held.ready} of ${wanted} sessions came`);
  return {
    perSecond: 0,
    latencyUs: null,
    deliveryUs: null,
    cpuUs: {},
    more: { bytes_per_session: (after - before) / wanted, sessions: wanted },
    problems: [],
  };
}
