/** Resident memory of a process, as /proc tells it. */
import { readFileSync } from 'node:fs';

/** Throws when it has ended. */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1_024;
}
