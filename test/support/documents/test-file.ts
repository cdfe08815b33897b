/**
 * One test file in a process group and a temporary folder of its own. When it has ended, or took
 * too long, everything it left is ended and removed: its nodes (same group) and its PostgreSQL
 * servers (sessions of their own, known by their postmaster.pid in the folder).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Parser, type Result } from 'tap-parser';

const COMPILED = fileURLToPath(new URL('../../', import.meta.url));
const PACKAGE_FOLDER = path.resolve(COMPILED, '../..');
const TIMEOUT_S = 600;
/** Tests that run longer than this are given up by tap, with a report, before the file is. */
const TAP_TIMEOUT_S = 540;
const STDERR_CHARS_MAX = 8_000;

export interface FileOutcome {
  /** Path under test/, without the extension. */
  name: string;
  passed: number;
  failed: number;
  ms: number;
  /** What to read when something failed. */
  trouble: string[];
}

/** The files under way, with their folders. */
const running = new Map<ChildProcess, string>();

export interface TestFileOptions {
  nodeArgs?: readonly string[];
  env?: Readonly<Record<string, string>>;
}

export function runTestFile(name: string, options: TestFileOptions = {}): Promise<FileOutcome> {
  const folder = mkdtempSync(path.join(tmpdir(), 'conduit-test-'));
  // PostgreSQL's account must get in.
  chmodSync(folder, 0o755);
  const startedAt = performance.now();
  const child = spawn(
    process.execPath,
    ['--enable-source-maps', ...(options.nodeArgs ?? []), path.join(COMPILED, `${name}.js`)],
    {
      cwd: PACKAGE_FOLDER,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...{ ...process.env, ...options.env },
        ...{ TMPDIR: folder, TAP_TIMEOUT: String(TAP_TIMEOUT_S), TAP: '1' },
      },
    },
  );
  running.set(child, folder);
  const report = new Report();
  child.stdout.pipe(report.parser);
  child.stderr.setEncoding('utf8').on('data', (text: string) => report.stderr(text));
  const timer = setTimeout(() => {
    report.trouble(`it took more than ${TIMEOUT_S} s`);
    endGroup(child);
  }, TIMEOUT_S * 1_000);
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      cleanUp(child, folder);
      // A process it left holds the pipes open; it has just been ended.
      const finish = (): void => {
        const ms = performance.now() - startedAt;
        resolve({ name, ms, ...report.outcome(signal ?? String(code)) });
      };
      if (child.stdout.readableEnded) finish();
      else child.once('close', finish);
    });
  });
}

/** Ends what is under way, for the end of the run by a signal. */
export function stopTestFiles(): void {
  for (const [child, folder] of running) cleanUp(child, folder);
}

/**
 * What one file said. Counts the tests at the top of the file; reports the assertions that failed.
 */
class Report {
  readonly parser = new Parser();
  #passed = 0;
  #failed = 0;
  #stderr = '';
  readonly #trouble: string[] = [];

  constructor() {
    this.#listen(this.parser);
    this.parser.on('assert', (result: Result) => {
      if (isGood(result)) this.#passed++;
      else this.#failed++;
    });
    this.parser.on('bailout', (reason: string) => this.trouble(`bailed out: ${reason}`));
  }

  stderr(text: string): void {
    this.#stderr = (this.#stderr + text).slice(-STDERR_CHARS_MAX);
  }

  trouble(line: string): void {
    this.#failed++;
    this.#trouble.push(line);
  }

  outcome(exit: string): Pick<FileOutcome, 'passed' | 'failed' | 'trouble'> {
    if (this.#failed === 0 && exit !== '0') this.trouble(`it ended with ${exit}`);
    if (this.#passed + this.#failed === 0) this.trouble('it has no tests');
    const stderr = this.#stderr === '' ? [] : ['stderr:', this.#stderr.trimEnd()];
    return {
      passed: this.#passed,
      failed: this.#failed,
      trouble: [...this.#trouble, ...stderr],
    };
  }

  #listen(parser: Parser): void {
    let inner: Parser | null = null;
    parser.on('child', (child: Parser) => {
      inner = child;
      this.#listen(child);
    });
    parser.on('assert', (result: Result) => {
      // A subtest's own point follows its child, which has told the assertion.
      const told = inner !== null && !inner.ok;
      inner = null;
      if (!isGood(result) && !told) this.#trouble.push(describe(result));
    });
  }
}

function isGood(result: Result): boolean {
  return result.ok && !result.skip && !result.todo;
}

function describe(result: Result): string {
  const why = result.skip ? `skipped: ${result.skip}` : result.todo ? `todo: ${result.todo}` : '';
  const diag = (result.diag ?? {}) as Record<string, unknown>;
  const detail = Object.entries(diag)
    .filter(([field]) => field !== 'at' && field !== 'duration_ms')
    .map(([field, value]) => {
      const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2);
      return `  ${field}: ${text.trimEnd().replaceAll('\n', '\n    ')}`;
    });
  return [`not ok: ${result.fullname || result.name} ${why}`.trimEnd(), ...detail].join('\n');
}

function cleanUp(child: ChildProcess, folder: string): void {
  endGroup(child);
  for (const pid of postmasters(folder)) signal(pid, 'SIGQUIT');
  running.delete(child);
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}

function endGroup(child: ChildProcess): void {
  if (child.pid !== undefined) signal(-child.pid, 'SIGKILL');
}

function postmasters(folder: string): number[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => path.basename(file) === 'postmaster.pid')
    .map((file) => Number(readFileSync(path.join(folder, file), 'utf8').split('\n', 1)[0]));
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // It has ended by itself.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
