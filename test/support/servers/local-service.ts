/** A node of compose.yaml as a local process: its entrypoint, its environment, its health check. */
import { execFileSync, spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGE_FOLDER = fileURLToPath(new URL('../../../../', import.meta.url));

export const DOCKER = path.join(PACKAGE_FOLDER, 'ops/docker');

export interface LocalService {
  port: number;
  metricsPort: number;
  exited: Promise<number | null>;
  isHealthy(): boolean;
  output(): string;
  kill(signal: NodeJS.Signals): void;
}

/** `local`: what stands here for names that only the containers know. */
export function startService(
  environment: Readonly<Record<string, string>>,
  { port, local }: { port: number; local: Readonly<Record<string, string>> },
): LocalService {
  const here = (value: string): string =>
    Object.entries(local).reduce(
      (text, [there, name]) => text.replace(there, name),
      value.replace(/^\$\{\w+:-(.*)\}$/, '$1'),
    );
  const variables = Object.entries(environment).map(([name, value]) => [name, here(value)]);
  const env: NodeJS.ProcessEnv = {
    ...{ PATH: process.env['PATH'], PORT: String(port), HOST: '127.0.0.1', WORKERS: '1' },
    CONDUIT_COMMAND: path.join(PACKAGE_FOLDER, 'dist/src/cli/conduit.js'),
    ...(Object.fromEntries(variables) as Record<string, string>),
  };
  const node = spawn(path.join(DOCKER, 'entrypoint.sh'), ['serve'], {
    ...{ env, stdio: ['ignore', 'pipe', 'pipe'] },
  });
  let output = '';
  for (const stream of [node.stdout, node.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return {
    port,
    metricsPort: Number(env['METRICS_PORT']),
    exited: new Promise((resolve) => node.once('exit', resolve)),
    isHealthy: () => isHealthy(env),
    output: () => output,
    kill: (signal) => node.kill(signal),
  };
}

function isHealthy(env: NodeJS.ProcessEnv): boolean {
  try {
    execFileSync(process.execPath, [path.join(DOCKER, 'health.mjs')], { env, stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
}
