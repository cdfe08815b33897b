/** HAProxy before nodes of this machine, with the very file that compose.yaml gives it. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from '../../../native-bench/rig/eventually.js';
import { freePort } from '../../../native-bench/rig/free-port.js';
import { findDebianProgram } from './debian-program.js';

const CONFIG = fileURLToPath(new URL('../../../../ops/haproxy/haproxy.cfg', import.meta.url));
/** The address of the balancer, which compose.yaml gives it for itself alone. */
export const BALANCER_ADDRESS = '127.0.0.2';

export interface HaProxy {
  readonly port: number;
  stop(): Promise<void>;
}

/** `ports`: of server-1 and server-2. */
export async function startHaProxy(ports: readonly [number, number]): Promise<HaProxy> {
  const folder = mkdtempSync(path.join(tmpdir(), 'conduit-haproxy-'));
  const { program, env } = await findDebianProgram('haproxy');
  const port = await freePort();
  const config = readFileSync(CONFIG, 'utf8')
    .replace('maxconn 100000', 'maxconn 1000')
    .replace('local0 warning', 'local0')
    .replace('option redispatch', 'option redispatch\n    option log-health-checks')
    // Nodes of a test may be slower than any that somebody runs.
    .replace('timeout check 3s', 'timeout check 60s')
    .replace('timeout connect 2s', 'timeout connect 60s')
    .replace('bind :8000', `bind 127.0.0.1:${port}`)
    .replace('default-server ', `default-server source ${BALANCER_ADDRESS} `)
    .replace('server-1:8080', `127.0.0.1:${ports[0]}`)
    .replace('server-2:8080', `127.0.0.1:${ports[1]}`);
  const file = path.join(folder, 'haproxy.cfg');
  writeFileSync(file, config);
  const child = spawn(program, ['-db', '-f', file], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  // Until its first look at them it takes them for healthy.
  const seen = (server: string): boolean =>
    new RegExp(`Health check for server nodes/${server} succeeded`).test(said);
  await eventually(() => {
    if (child.exitCode !== null) throw new Error(`haproxy ended with ${child.exitCode}: ${said}`);
    if (/is DOWN/.test(said)) throw new Error(said);
    return seen('server-1') && seen('server-2');
  });
  return {
    port,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
