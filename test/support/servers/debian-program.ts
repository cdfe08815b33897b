/**
 * A program that a test needs beside the node: the one that is installed, else that of Debian's packages,
 * unpacked into a folder of the user's with all that it needs and this machine lacks, which starts no
 * service and needs no root.
 */
import { execFile } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

export interface DebianProgram {
  readonly program: string;
  /** Where the libraries are that were unpacked beside it. */
  readonly env: NodeJS.ProcessEnv;
}

/** `name`: of the program and of its package. */
export async function findDebianProgram(name: string): Promise<DebianProgram> {
  const here = { ...process.env };
  for (const program of [name, `/usr/sbin/${name}`]) {
    if (await runs(program, here)) return { program, env: here };
  }
  const { folder, libraries } = await unpackedPackage(name);
  const env = { ...here, ...libraries };
  const program = path.join(folder, 'usr/sbin', name);
  if (await runs(program, env)) return { program, env };
  throw new Error(`${missing(name)}; what apt-get downloads does not run here`);
}

export interface UnpackedPackage {
  /** In the place of `/`. */
  readonly folder: string;
  /** The variable that says where its libraries are. */
  readonly libraries: Readonly<Record<string, string>>;
}

/** Once where temporary files are: the runner gives each test file a folder for its own. */
export async function unpackedPackage(name: string): Promise<UnpackedPackage> {
  const folder = path.join(tmpdir(), `conduit-debian-${process.getuid?.() ?? 0}-${name}`);
  if (!existsSync(folder)) {
    const part = mkdtempSync(`${folder}-`);
    // PostgreSQL's server runs as another account where this one is root.
    chmodSync(part, 0o755);
    try {
      await unpack(name, part);
      renameSync(part, folder);
    } catch (cause) {
      rmSync(part, { recursive: true, force: true });
      // Another test may have been quicker.
      if (!existsSync(folder)) throw new Error(missing(name), { cause });
    }
  }
  const places = ['usr/lib', 'lib'].flatMap((lib) => foldersIn(path.join(folder, lib)));
  return { folder, libraries: { LD_LIBRARY_PATH: places.join(':') } };
}

function foldersIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { withFileTypes: true });
  return entries.filter((one) => one.isDirectory()).map(({ name }) => path.join(folder, name));
}

function missing(name: string): string {
  return `${name} is missing: apt-get install ${name}, or what your system has for it`;
}

async function unpack(name: string, folder: string): Promise<void> {
  const debs = path.join(folder, 'debs');
  mkdirSync(debs);
  await download(name, debs);
  for (const file of readdirSync(debs).filter((one) => one.endsWith('.deb'))) {
    await run('dpkg-deb', ['-x', path.join(debs, file), folder]);
  }
  rmSync(debs, { recursive: true });
}

/** With the lists that are there, else with new ones in a folder of their own: a machine's are root's. */
async function download(name: string, debs: string): Promise<void> {
  try {
    await get(name, debs, []);
  } catch {
    const lists = path.join(debs, 'lists');
    mkdirSync(path.join(lists, 'partial'), { recursive: true });
    const own = ['-o', `Dir::State::lists=${lists}`, '-o', `Dir::Cache=${debs}`];
    await apt(['update', ...own], debs);
    await get(name, debs, own);
  }
}

/** The package, and those that apt would install with it on this machine: it alone knows which those are. */
async function get(name: string, debs: string, options: readonly string[]): Promise<void> {
  const ask = ['install', '--simulate', '--no-install-recommends', ...options, name];
  const planned = (await apt(ask, debs)).matchAll(/^Inst (\S+)/gm);
  // What the dynamic linker of this machine belongs to is that of this machine.
  const packages = [...planned].map(([, one = '']) => one).filter((one) => !/^libc6\b/.test(one));
  await apt(['download', ...options, ...packages], debs);
}

async function apt(args: readonly string[], cwd: string): Promise<string> {
  // Nothing of the machine's is changed. Its sandbox's account may not write where this one may.
  const options = ['-q', '-o', 'Debug::NoLocking=true', '-o', 'APT::Sandbox::User='];
  const env = { ...process.env, LC_ALL: 'C' };
  const { stdout } = await run('apt-get', [...options, ...args], {
    ...{ cwd, env, maxBuffer: OUTPUT_BYTES_MAX },
  });
  return stdout;
}

async function runs(program: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  try {
    await run(program, ['-v'], { env });
    return true;
  } catch {
    return false;
  }
}
