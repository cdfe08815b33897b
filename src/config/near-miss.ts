/**
 * Names of variables that were meant to be ours and are not. Other programs have variables, too: one that
 * has nothing to do with us must not be told, so only a single slip counts, and in a short name only
 * two letters that changed places.
 */
import { isClientVariable } from './client-variables.js';
import type { Environment } from './environment.js';
import { LIMIT_OPTIONS, OPTIONS } from './options.js';

const KNOWN: readonly string[] = [
  ...Object.values(OPTIONS).map(({ env }) => env),
  ...Object.values(LIMIT_OPTIONS).map(({ env }) => env),
];
const PREFIX = 'CONDUIT_';
/** Read by the tests, which hand their environment on. */
const OURS_ELSEWHERE: readonly string[] = ['CONDUIT_TEST_ONLY'];
/** One letter from one of ours, and in use by others. */
const OF_OTHERS: readonly string[] = ['NODE_IP'];
/** What Kubernetes and Docker tell every container of a service that is called conduit. */
const SERVICE = /^CONDUIT_(SERVICE_(HOST|PORT)(_.*)?|PORT_\d+_(TCP|UDP|SCTP)(_.*)?)$/;
const SERVICE_ADDRESS = /^(tcp|udp|sctp):\/\//;
/** A name as short as PORT is near others by chance: POST, SORT, PORTS. */
const SHORT = 4;
const UNITS = /^_(S|MS|MAX|HOURS)$/;

/** One line for each. */
export function nearMisses(env: Environment): string[] {
  return Object.keys(env).flatMap((name) => {
    if (KNOWN.includes(name) || OURS_ELSEWHERE.includes(name) || isClientVariable(name)) return [];
    const line = name.startsWith(PREFIX) ? ofOurs(name, env[name] ?? '') : ofOthers(name);
    return line === null ? [] : [line];
  });
}

/** With our prefix it is meant for us, whatever it is. */
function ofOurs(name: string, value: string): string | null {
  if (SERVICE.test(name) || (name === 'CONDUIT_PORT' && SERVICE_ADDRESS.test(value))) return null;
  const bare = name.slice(PREFIX.length);
  const near = nearest(bare, bare.length) ?? nearest(name, name.length);
  if (near === null) return `${name} is not known; conduit config lists the variables that are`;
  return `${name} is not known, the nearest variable is ${near}`;
}

function ofOthers(name: string): string | null {
  if (OF_OTHERS.includes(name)) return null;
  const near = KNOWN.find((known) => isSlip(name, known));
  return near === undefined ? null : `${name} is not known; did you mean ${near}?`;
}

function isSlip(name: string, known: string): boolean {
  if (known.length <= SHORT) return name.length === known.length && isSwap(name, known);
  const isAsLong = Math.abs(name.length - known.length) <= 1;
  if (isAsLong && editDistance(name.toUpperCase(), known) <= 1) return true;
  const hasWords = name.includes('_') && known.startsWith(name);
  return hasWords && UNITS.test(known.slice(name.length));
}

function isSwap(name: string, known: string): boolean {
  return name !== known && editDistance(name, known) === 1 && sorted(name) === sorted(known);
}

function sorted(name: string): string {
  return [...name].sort().join('');
}

/** Up to a third of the letters may differ. */
function nearest(name: string, length: number): string | null {
  const distances = KNOWN.map((known) => ({ known, distance: editDistance(name, known) }));
  const [best] = distances.sort((a, b) => a.distance - b.distance);
  if (best === undefined) return null;
  return best.distance <= Math.max(length, best.known.length) / 3 ? best.known : null;
}

/**
 * Letters to change, add or drop, or neighbours to swap (Damerau's distance); both are names of
 * variables, so short.
 */
export function editDistance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number): number => rows[i]?.[j] ?? 0;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const isEqual = a[i - 1] === b[j - 1];
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(
        Math.min(
          at(i - 1, j - 1) + (isEqual ? 0 : 1),
          at(i - 1, j) + 1,
          at(i, j - 1) + 1,
          isSwapped ? at(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
  }
  return at(a.length, b.length);
}
