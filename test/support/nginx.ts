/**
 * nginx as a proxy before a node: the one that is installed, else Debian's package unpacked into a
 * temporary folder, which starts no service and needs no root.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '../../native-bench/rig/eventually.js';

const run = promisify(execFile);
const MISSING = 'nginx is missing: apt-get install nginx, or what your system has for it';
const INSTALLED = ['nginx', '/usr/sbin/nginx'];
/** nginx tells what it does by files; all of them go to the folder that it is started in. */
const FOLDERS = ['client_body', 'proxy', 'fastcgi', 'scgi', 'uwsgi'];

export interface Proxy {
  stop(): Promise<void>;
}

/** `http`: the http block's content; `isReady`: whether it answers. */
export async function startNginx(http: string, isReady: () => Promise<boolean>): Promise<Proxy> {
  const folder = mkdtempSync(path.join(tmpdir(), 'conduit-nginx-'));
  const program = await findNginx(folder);
  const places = FOLDERS.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n');
  const file = path.join(folder, 'nginx.conf');
  writeFileSync(
    file,
    `daemon off; master_process off; pid ${folder}/pid; error_log stderr;
     events {} http { access_log off; ${places} ${http} }`,
  );
  const child = spawn(program, ['-p', folder, '-c', file, '-e', 'stderr'], {
    stdio: ['ignore', 'ignore', 'pipe'],
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

async function findNginx(folder: string): Promise<string> {
  for (const program of INSTALLED) if (await runs(program)) return program;
  await download(folder);
  const archive = readdirSync(folder).find((name) => name.endsWith('.deb'));
  if (archive === undefined) throw new Error(MISSING);
  await run('dpkg-deb', ['-x', path.join(folder, archive), folder]);
  const unpacked = path.join(folder, 'usr/sbin/nginx');
  if (await runs(unpacked)) return unpacked;
  throw new Error(`${MISSING}; what apt-get downloads does not run here`);
}

/** With the lists that are there, else with new ones, which only root may fetch. */
async function download(folder: string): Promise<void> {
  const get = (): Promise<unknown> => run('apt-get', ['download', '-q', 'nginx'], { cwd: folder });
  try {
    await get();
  } catch {
    try {
      await run('apt-get', ['update', '-q']);
      await get();
    } catch (cause) {
      throw new Error(MISSING, { cause });
    }
  }
}

async function runs(program: string): Promise<boolean> {
  try {
    await run(program, ['-v']);
    return true;
  } catch {
    return false;
  }
}
