/**
 * `npm run mutate-tenants -- [expression]...`: drops the predicate that keeps tenants apart from each
 * statement in turn, and runs the suites that hold it. Prints which test found each; the last line is the
 * verdict, and 1 the exit code when one was found by none, or when a reason for that is no longer needed.
 * Expressions choose by the line that is printed.
 */

import { stopTestFiles } from './support/documents/test-file.js';
import {
  inLanes,
  killerOf,
  lineOf,
  reasonOf,
  recordMutants,
} from './support/tenants/tenant-mutants.js';
import { TENANT_PREDICATES, UNKNOWN_PREDICATES } from './support/tenants/tenant-predicates.js';

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    stopTestFiles();
    process.exit(1);
  });
}

const wanted = process.argv.slice(2).map((text) => new RegExp(text));
const { mutants, trouble } = await recordMutants();
const problems = [...UNKNOWN_PREDICATES, ...trouble];
for (const problem of problems) say(problem);
const chosen = mutants.filter((mutant) => {
  return wanted.length === 0 || wanted.some((one) => one.test(lineOf(mutant)));
});
say(`${TENANT_PREDICATES.length} predicates, ${mutants.length} mutants, ${chosen.length} to run`);
let found = 0;
let excused = 0;
await inLanes(chosen, async (mutant) => {
  const [killer, reason] = [await killerOf(mutant), reasonOf(mutant)];
  if (killer !== null) found++;
  else if (reason !== null) excused++;
  if ((killer === null) !== (reason !== null)) problems.push(lineOf(mutant));
  say(`${lineOf(mutant)}\n    ${killer ?? `found by none${reason === null ? '' : `: ${reason}`}`}`);
});
say(`${found} found, ${excused} excused, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
