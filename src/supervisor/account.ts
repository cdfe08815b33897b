/**
 * As whom the embedded PostgreSQL runs, which does not run as root: and work on files as that user. A
 * folder that belongs to another user may hold anything, such as a link to a file of root's, so a
 * node that is root does nothing there with root's rights.
 */
import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { StartRefused } from './start-refused.js';

const run = promisify(execFile);

/** User and group; null: those of the node. */
export interface Account {
  uid: number;
  gid: number;
}

/** Null when there is nothing, or it is root's. */
export function ownerOf(folder: string): Account | null {
  const stats = statSync(folder, { throwIfNoEntry: false });
  return stats === undefined || stats.uid === 0 ? null : { uid: stats.uid, gid: stats.gid };
}

/** As whom PostgreSQL runs when the node is root. Rejects StartRefused. */
export async function serverAccount(): Promise<Account> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n');
  for (const name of ['postgres', 'nobody']) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(':');
    if (fields !== undefined) return { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  throw new StartRefused(
    'PostgreSQL does not run as root, and there is no user postgres or nobody: set DATABASE_URL',
  );
}

/** Tried, since the modes of all parents count. `program`: null for a folder alone. */
export async function canEnter(
  account: Account,
  folder: string,
  program: string | null,
): Promise<boolean> {
  const args = ['-c', 'test -x "$1" && test -x "$2"', 'sh', folder, program ?? folder];
  try {
    await run('/bin/sh', args, { ...account, cwd: '/' });
    return true;
  } catch {
    return false;
  }
}

/**
 * Runs `work` with the rights of the account. The whole process has them meanwhile: so it is
 * synchronous, and runs on the main thread while there are no others.
 */
export function asAccount<T>(account: Account | null, work: () => T): T {
  const { getgroups, setgroups, setegid, seteuid } = process;
  if (account === null || !getgroups || !setgroups || !setegid || !seteuid) return work();
  const groups = getgroups();
  setgroups([account.gid]);
  setegid(account.gid);
  seteuid(account.uid);
  try {
    return work();
  } finally {
    seteuid(0);
    setegid(0);
    setgroups(groups);
  }
}
