// Goal: what is asked for again comes in chunks, later each time while it fails, and each once.
import t from 'tap';
import { eventually } from '../../../../native-bench/rig/eventually.js';
import { RESUME_CHUNK, ResumeQueue } from '../../../../src/acceptor/session/resume-queue.js';

const SHORTEST = (): number => 0;

t.test('many are asked for in several turns, in their order', async (t) => {
  const asked: number[] = [];
  const resuming = new ResumeQueue<number>((one) => asked.push(one), SHORTEST);
  const all = Array.from({ length: 2 * RESUME_CHUNK + 1 }, (_, n) => n);
  resuming.start(all);
  t.equal(asked.length, RESUME_CHUNK);
  await eventually(() => asked.length === all.length);
  t.same(asked, all);
});

t.test('while they fail they wait together, longer each time, to a bound', async (t) => {
  const rounds: { atMs: number; asked: string[] }[] = [];
  const resuming: ResumeQueue<string> = new ResumeQueue((one) => {
    const [last] = rounds.slice(-1);
    if (last === undefined || last.asked.includes(one)) {
      rounds.push({ atMs: performance.now(), asked: [one] });
    } else last.asked.push(one);
    resuming.failed(one);
  }, SHORTEST);
  resuming.start(['a', 'b', 'c']);
  await eventually(() => rounds.length === 8);
  t.ok(rounds.slice(0, 7).every(({ asked }) => asked.join('') === 'abc'));
  const gaps = rounds.slice(1).map(({ atMs }, n) => atMs - (rounds[n]?.atMs ?? 0));
  // A timer may be a millisecond early.
  for (const [n, leastMs] of [125, 250, 500, 1_000, 1_000].entries()) {
    t.ok((gaps[n] ?? 0) >= leastMs - 2, `${gaps[n]} ms`);
  }
  // Doubled on and on it were eight seconds.
  t.ok((gaps[6] ?? 0) < 6_000, 'it grows no more');
  resuming.start([]);
});

t.test('one that succeeds, or a new thread, ends the long waits; each is asked once', async (t) => {
  const asked: string[] = [];
  const resuming: ResumeQueue<string> = new ResumeQueue((one) => {
    asked.push(one);
    if (asked.length < 4) resuming.failed(one);
    else resuming.succeeded();
  }, SHORTEST);
  resuming.start(['a']);
  await eventually(() => asked.length === 4);
  const failedMs = performance.now();
  resuming.failed('a');
  await eventually(() => asked.length === 5);
  t.ok(performance.now() - failedMs < 1_000, 'as after a first failure');
  resuming.failed('a');
  resuming.failed('b');
  resuming.start(['b', 'a', 'c']);
  t.same(asked.splice(0), ['a', 'a', 'a', 'a', 'a', 'b', 'a', 'c']);
  // What had failed before is not asked for once more.
  resuming.failed('d');
  await eventually(() => asked.length > 0);
  t.same(asked, ['d']);
});
