/** What a report says of how, when and on what it was measured. */
import type { Report } from './report.js';

/** `[name, text]`; each is one line. */
export function factsOf({ machine, code, command, startedAt, mode, method }: Report): string[][] {
  const gigabytes = (machine.memoryBytes / 2 ** 30).toFixed(1);
  return [
    ['command', command],
    ['started', startedAt],
    ['method', `version ${method}; ${mode.runs} run(s) of ${mode.duration} s, medians`],
    ['commit', code.commit],
    ['machine', `${machine.cpu}, ${machine.cores} cores, ${gigabytes} GiB, ${machine.system}`],
    ['disk', `8 KiB written and flushed in ${machine.fsyncUs.toFixed(0)} us (median)`],
    ['other load', `${machine.load.toFixed(2)} (1 minute) before the run`],
    ['versions', `Node.js ${code.node}, PostgreSQL ${code.postgres ?? 'missing'}`],
  ];
}
