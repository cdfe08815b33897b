/**
 * Runs the compiled tests, several files at a time: most of them wait for servers, deadlines and outages.
 * Those that load the machine themselves come one after another. Arguments, else CONDUIT_TEST_ONLY, are
 * regular expressions of the files to run. A few that failed run once more, alone: what passes then is
 * counted as passed, and named. The last line is `N passed, N failed`; what is skipped counts as failed.
 */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type FileOutcome, runTestFile, stopTestFiles } from './support/documents/test-file.js';

const PACKAGE_FOLDER = fileURLToPath(new URL('../../', import.meta.url));
/** Each keeps a core busy for most of its time: one at a time. */
const HEAVY = [
  /^(bench|sim)\//,
  /^cluster\/(chaos|crowd|redis-faults|slow-redis)\./,
  /^fault\/(delivery-chaos|node-kill|row-lock|slow-consumer|thread-death)\./,
  /^integration\/(order|startup-embedded)\./,
];
/** Files at a time beside a heavy one. */
const LIGHT_JOBS = 2;
/** Failed files that run once more. More of them are no matter of a machine that stood still for a while. */
const AGAIN_MAX = 3;

const patterns = process.argv.slice(2);
if (patterns.length === 0) patterns.push(process.env['CONDUIT_TEST_ONLY'] ?? '');

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    stopTestFiles();
    process.exit(1);
  });
}

const files = testFiles(patterns);
const outcomes = await runAll(
  files.filter((file) => HEAVY.some((heavy) => heavy.test(file))),
  files.filter((file) => !HEAVY.some((heavy) => heavy.test(file))),
);
finish(await againAlone(outcomes));

/** By their sources: a compiled test whose source is gone does not run. Without the extension. */
function testFiles(wanted: readonly string[]): string[] {
  const fits = wanted.map((pattern) => new RegExp(pattern));
  return readdirSync(path.join(PACKAGE_FOLDER, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => file.slice(0, -'.ts'.length))
    .filter((file) => fits.some((fit) => fit.test(file)))
    .sort();
}

/** Who has run the heavy ones helps with the light ones. */
async function runAll(heavy: string[], light: string[]): Promise<FileOutcome[]> {
  const done: FileOutcome[] = [];
  const lane = async (...queues: readonly string[][]): Promise<void> => {
    for (const queue of queues) {
      for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
        const outcome = await runTestFile(name);
        say(outcome);
        done.push(outcome);
      }
    }
  };
  const others = Array.from({ length: LIGHT_JOBS }, () => lane(light));
  await Promise.all([lane(heavy, light), ...others]);
  return done;
}

/** With the second outcome in place of the first, where there is one. */
async function againAlone(all: readonly FileOutcome[]): Promise<FileOutcome[]> {
  const failures = all.filter(({ failed }) => failed > 0);
  if (failures.length > AGAIN_MAX || files.length === failures.length) return [...all];
  const final = new Map(all.map((outcome) => [outcome.name, outcome]));
  for (const { name } of failures) {
    const second = await runTestFile(name);
    say(second);
    final.set(name, second);
    if (second.failed === 0) process.stdout.write(`passed only alone: ${name}\n`);
  }
  return [...final.values()];
}

function say({ name, passed, failed, ms, trouble }: FileOutcome): void {
  const mark = failed === 0 ? 'ok    ' : 'FAILED';
  const seconds = (ms / 1_000).toFixed(1).padStart(6);
  process.stdout.write(`${mark} ${seconds} s  ${name}  (${passed} passed, ${failed} failed)\n`);
  if (failed === 0) return;
  const indented = trouble.join('\n').replace(/^(?=.)/gm, '    ');
  process.stdout.write(`${indented}\n`);
}

function finish(all: readonly FileOutcome[]): void {
  const passed = all.reduce((sum, { passed }) => sum + passed, 0);
  const failed = all.reduce((sum, { failed }) => sum + failed, 0);
  for (const { name } of all.filter(({ failed }) => failed > 0)) {
    process.stdout.write(`failed: ${name}\n`);
  }
  if (all.length === 0) process.stdout.write(`no test fits ${patterns.join(' ')}\n`);
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}
