/** CPU time of a process with all its descendants, from /proc. */
import { readdirSync, readFileSync } from 'node:fs';

/** Linux tells its times to programs in hundredths of a second. */
const TICKS_PER_SECOND = 100;

interface Times {
  parent: number;
  ticks: number;
}

/** Seconds so far; a child that has ended counts by what its parent reaped. Needs Linux. */
export function treeCpuSeconds(root: number): number {
  const all = new Map<number, Times>();
  for (const name of readdirSync('/proc')) {
    const times = /^\d+$/.test(name) ? timesOf(name) : null;
    if (times !== null) all.set(Number(name), times);
  }
  const isInside = (pid: number): boolean => {
    if (pid === root) return true;
    const parent = all.get(pid)?.parent;
    return parent !== undefined && isInside(parent);
  };
  let ticks = 0;
  for (const [pid, times] of all) if (isInside(pid)) ticks += times.ticks;
  return ticks / TICKS_PER_SECOND;
}

function timesOf(pid: string): Times | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null; // It has ended meanwhile.
  }
  // "pid (name) state ppid ...", and the name may have any character.
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15);
  return { parent: fields[1] ?? 0, ticks: user + system + childUser + childSystem };
}
