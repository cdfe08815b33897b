/** One run of the `conduit` command, to its end. */
import { spawn } from 'node:child_process';
import { COMMAND, cleanEnvironment } from '../../../native-bench/rig/node.js';
import { secretsIn } from '../../../native-bench/rig/secrets.js';

export interface CommandResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  ms: number;
}

export interface CommandPlace {
  /** The command line of another clone; default: this package's. */
  program?: string;
  cwd?: string;
  /** What its stdin has; default: nothing at all. */
  input?: string | Buffer;
  /** It is there to show an API key. */
  shows?: 'an API key';
}

/** `env` is all that configures it. Killed after 60 s; rejects when it wrote a secret. */
export function runCommand(
  args: readonly string[],
  env: Record<string, string> = {},
  { program = COMMAND, cwd = process.cwd(), input, shows }: CommandPlace = {},
): Promise<CommandResult> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [program, ...args], {
    cwd,
    env: { ...cleanEnvironment(), ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  if (input !== undefined) {
    // One that has ended does not read all of it.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  }
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const leaked = secretsIn(`${stdout}${stderr}`, env).filter((name) => name !== shows);
      if (leaked.length > 0) reject(new Error(`it wrote ${leaked.join(', ')}`));
      resolve({ code, signal, stdout, stderr, ms: performance.now() - startedAt });
    });
  });
}
