// Goal: no statement keeps tenants apart that a test does not hold to it. Here some of them lose their
// predicate, and all are known; `npm run mutate-tenants` does it with each.
import t from 'tap';
import { killerOf, lineOf, reasonOf, recordMutants } from '../support/tenants/tenant-mutants.js';
import { TENANT_PREDICATES, UNKNOWN_PREDICATES } from '../support/tenants/tenant-predicates.js';

/** Of all mutants; each runs a suite, with a PostgreSQL of its own. */
const RUN = 4;

const { mutants, trouble } = await recordMutants();

t.test('every comparison of a tenant is known, and run by a suite that is about tenants', (t) => {
  t.ok(TENANT_PREDICATES.length > 30);
  t.same(UNKNOWN_PREDICATES, []);
  t.same(trouble, []);
  t.end();
});

t.test('a statement without its predicate is found', async (t) => {
  const held = mutants.filter((mutant) => reasonOf(mutant) === null);
  t.ok(held.length > 50);
  for (let n = 0; n < RUN; n++) {
    const mutant = held[Math.floor((n * held.length) / RUN)];
    if (mutant !== undefined) t.ok(await killerOf(mutant), lineOf(mutant));
  }
});
