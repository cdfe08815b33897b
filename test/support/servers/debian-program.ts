/**
 * A program that a test needs beside the node: the one that is installed, else that of Debian's packages,
 * unpacked into a folder of the test's, which starts no service and needs no root.
 */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface DebianProgram {
  readonly program: string;
  /** Where the libraries are that were unpacked beside it. */
  readonly env: NodeJS.ProcessEnv;
}

/** `packages`: the program's, which has its name, and of the libraries that not every system has. */
export async function findDebianProgram(
  packages: readonly [name: string, ...libraries: string[]],
  folder: string,
): Promise<DebianProgram> {
  const [name] = packages;
  const here = { ...process.env };
  for (const program of [name, `/usr/sbin/${name}`]) {
    if (await runs(program, here)) return { program, env: here };
  }
  const missing = `${name} is missing: apt-get install ${name}, or what your system has for it`;
  await download(packages, folder).catch((cause: unknown) => {
    throw new Error(missing, { cause });
  });
  for (const file of readdirSync(folder).filter((one) => one.endsWith('.deb'))) {
    await run('dpkg-deb', ['-x', path.join(folder, file), folder]);
  }
  const lib = path.join(folder, 'usr/lib');
  const entries = existsSync(lib) ? readdirSync(lib, { withFileTypes: true }) : [];
  const places = entries.filter((one) => one.isDirectory()).map(({ name }) => path.join(lib, name));
  const env = { ...process.env, LD_LIBRARY_PATH: places.join(':') };
  const program = path.join(folder, 'usr/sbin', name);
  if (await runs(program, env)) return { program, env };
  throw new Error(`${missing}; what apt-get downloads does not run here`);
}

/** With the lists that are there, else with new ones, which only root may fetch. */
async function download(packages: readonly string[], folder: string): Promise<void> {
  const get = (): Promise<unknown> =>
    run('apt-get', ['download', '-q', ...packages], { cwd: folder });
  try {
    await get();
  } catch {
    await run('apt-get', ['update', '-q']);
    await get();
  }
}

async function runs(program: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  try {
    await run(program, ['-v'], { env });
    return true;
  } catch {
    return false;
  }
}
