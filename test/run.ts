/**
 * Runs the compiled tests: quick ones (unit, contract, tidy) two files at a time, the rest one by
 * one, since they start nodes and servers. Arguments, else CONDUIT_TEST_ONLY, are regular expressions
 * of the files to run. The last line is `N passed, N failed`; what is skipped counts as failed.
 */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type FileOutcome, runTestFile, stopTestFiles } from './support/test-file.js';

const PACKAGE_FOLDER = fileURLToPath(new URL('../../', import.meta.url));
const QUICK = /^(unit|contract)\/|^[^/]+$/;
const QUICK_JOBS = 2;

const patterns = process.argv.slice(2);
if (patterns.length === 0) patterns.push(process.env['CONDUIT_TEST_ONLY'] ?? '');

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    stopTestFiles();
    process.exit(1);
  });
}

const files = testFiles(patterns);
const quick = files.filter((file) => QUICK.test(file));
const slow = files.filter((file) => !QUICK.test(file));
const outcomes = [...(await runAll(quick, QUICK_JOBS)), ...(await runAll(slow, 1))];
finish(outcomes);

/** By their sources: a compiled test whose source is gone does not run. Without the extension. */
function testFiles(wanted: readonly string[]): string[] {
  const fits = wanted.map((pattern) => new RegExp(pattern));
  return readdirSync(path.join(PACKAGE_FOLDER, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => file.slice(0, -'.ts'.length))
    .filter((file) => fits.some((fit) => fit.test(file)))
    .sort();
}

async function runAll(names: readonly string[], jobs: number): Promise<FileOutcome[]> {
  const waiting = [...names];
  const done: FileOutcome[] = [];
  const lane = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const outcome = await runTestFile(name);
      say(outcome);
      done.push(outcome);
    }
  };
  await Promise.all(Array.from({ length: jobs }, lane));
  return done;
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
