/** CPU time of a process with all its descendants, from /proc. */
import { readdirSync, readFileSync } from 'node:fs';

/** Linux tells its times to programs in hundredths of a second. */
const TICKS_PER_SECOND = 100;

interface Times {
  parent: number;
  own: number;
  /** Of its children that it has reaped. */
  reaped: number;
}

/** Seconds so far; a child that has ended counts by what its parent reaped. Needs Linux. */
export function treeCpuSeconds(root: number): number {
  // One that ends between the reading of its parent and its own would count nowhere: then again.
  let before = readTree(root);
  for (;;) {
    const tree = readTree(root);
    if (shapeOf(tree) === shapeOf(before)) {
      const ticks = [...tree.values()].reduce((sum, { own, reaped }) => sum + own + reaped, 0);
      return ticks / TICKS_PER_SECOND;
    }
    before = tree;
  }
}

/** The same twice: nobody of the tree came, ended or was reaped between the two. */
function shapeOf(tree: ReadonlyMap<number, Times>): string {
  return [...tree].map(([pid, { reaped }]) => `${pid}:${reaped}`).join();
}

function readTree(root: number): Map<number, Times> {
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
  return new Map([...all].filter(([pid]) => isInside(pid)));
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
  return { parent: fields[1] ?? 0, own: user + system, reaped: childUser + childSystem };
}
