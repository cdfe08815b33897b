/** nginx as a proxy before a node. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually } from '../../../native-bench/rig/eventually.js';
import { findDebianProgram } from './debian-program.js';

/** nginx tells what it does by files; all of them go to the folder that it is started in. */
const FOLDERS = ['client_body', 'proxy', 'fastcgi', 'scgi', 'uwsgi'];

export interface Proxy {
  stop(): Promise<void>;
}

/** `http`: the http block's content; `isReady`: whether it answers. */
export async function startNginx(http: string, isReady: () => Promise<boolean>): Promise<Proxy> {
  const folder = mkdtempSync(path.join(tmpdir(), 'conduit-nginx-'));
  const { program, env } = await findDebianProgram('nginx');
  const places = FOLDERS.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n');
  const file = path.join(folder, 'nginx.conf');
  writeFileSync(
    file,
    `daemon off; master_process off; pid ${folder}/pid; error_log stderr;
     events {} http { access_log off; ${places} ${http} }`,
  );
  const child = spawn(program, ['-p', folder, '-c', file, '-e', 'stderr'], {
    ...{ env, stdio: ['ignore', 'ignore', 'pipe'] },
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await eventually(() => {
    if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}: ${said}`);
    return isReady();
  });
  return {
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
