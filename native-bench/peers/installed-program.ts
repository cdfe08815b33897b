/** Programs that this machine may have: where they are, their version, one run to the end. */
import { spawn } from 'node:child_process';
import { accessSync, constants, readdirSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { cleanEnvironment } from '../rig/node.js';

export interface ToolResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The first of that name on PATH, else in one of `folders`; null when there is none. */
export function findProgram(name: string, folders: readonly string[] = []): string | null {
  const onPath = (process.env['PATH'] ?? '').split(':').filter((folder) => folder !== '');
  for (const folder of [...onPath, ...folders]) {
    const file = path.join(folder, name);
    if (isExecutable(file)) return file;
  }
  return null;
}

/** Throws when there is none, since `missing()` was not asked. */
export function needProgram(name: string, folders: readonly string[] = []): string {
  const file = findProgram(name, folders);
  if (file === null) throw new Error(`${name} is not on PATH`);
  return file;
}

/** The bin folders of Debian's PostgreSQL packages, the newest first. */
export function postgresFolders(): string[] {
  const root = '/usr/lib/postgresql';
  try {
    const versions = readdirSync(root).sort((a, b) => Number(b) - Number(a));
    return versions.map((version) => path.join(root, version, 'bin'));
  } catch {
    return [];
  }
}

/** Null when it is on PATH; else the line that says what is missing and how to get it. */
export function missingProgram(name: string, howToGet: string): string | null {
  return findProgram(name) === null ? `${name} is not on PATH: ${howToGet}` : null;
}

/** The first group of `pattern` in what the program prints with these arguments, else `unknown`. */
export async function programVersion(
  program: string,
  args: readonly string[],
  pattern: RegExp,
): Promise<string> {
  const { stdout, stderr } = await runTool(program, args);
  return pattern.exec(`${stdout}\n${stderr}`)?.[1] ?? 'unknown';
}

export interface ToolOptions {
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  /** Ends it early. */
  signal?: AbortSignal;
  /** Told of each whole line of its stdout, when it comes. */
  onLine?: (line: string) => void;
}

/** To its end. Its stdin stays open for as long as this process lives. */
export function runTool(
  program: string,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<ToolResult> {
  const { env, onLine, ...rest } = options;
  const child = spawn(program, args, {
    ...rest,
    env: { ...cleanEnvironment(), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const result: ToolResult = { code: null, stdout: '', stderr: '' };
  if (onLine !== undefined) createInterface({ input: child.stdout }).on('line', onLine);
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    result.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    result.stderr += text;
  });
  return new Promise((resolve, reject) => {
    let failure: Error | null = null;
    child.once('error', (error) => {
      failure = error;
      // Where it did not even start, nothing closes.
      if (child.pid === undefined) reject(error);
    });
    child.once('close', (code) => {
      if (failure !== null) reject(failure);
      else resolve({ ...result, code });
    });
  });
}

/** The last line that says something, for an error. */
export function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? '';
}

/** The message of what Node.js printed of an exception. */
export function lastError(stderr: string): string {
  return /^\w*[Ee]rror: .+$/m.exec(stderr)?.[0] ?? lastLine(stderr);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
