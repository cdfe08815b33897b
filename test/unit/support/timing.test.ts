// Goal: what `npm run timing` says can be believed: Welch's t is computed right, a comparison that tells is
// found. Whether the product's comparisons tell is asked by that command alone: a suite that shares its
// machine would fail for its neighbours. What can be held here is that secrets are compared in one place,
// which takes the same time by what it calls, and nowhere by an operator that stops at the first difference.

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { readSources } from '../../support/documents/source-tree.js';
import { SeededRandom } from '../../support/fuzz/seeded-random.js';
import { COMPARISONS, leakyComparison } from '../../support/tenants/secret-comparisons.js';
import { compareTimes, T_MAX, welchT } from '../../support/tenants/welch.js';

const PACKAGE_FOLDER = path.resolve(fileURLToPath(new URL('../../../../', import.meta.url)));
/** Where what strangers show is compared; where the node compares what it has itself. */
const COMPARES = [
  'src/backplane/envelopes.ts',
  'src/backplane/peer-envelopes.ts',
  'src/core/api-key.ts',
];
const OWN_RECORDS = [
  // Whether the user of the client gave a text at all.
  'src/client/credentials.ts',
  'src/config/load-config.ts',
  'src/supervisor/certificate-reload.ts',
  'src/tenant/known-key.ts',
];
const BY_OPERATOR =
  /\b(digest|secret|seal|adminApiKey|defaultApiKey|internalSecret)\w*(\.\w+\([^)]*\))?\s*[!=]==? (?!null\b|undefined\b|'')/;

t.test("Welch's t is what the formula gives by hand", async (t) => {
  const isNear = (value: number, expected: number): boolean => Math.abs(value - expected) < 1e-12;
  t.ok(isNear(welchT([1, 2, 3], [10, 20, 30, 40]), -23 / Math.sqrt(42)), 'of unequal variances');
  t.ok(isNear(welchT([1, 2, 3, 4], [3, 4, 5, 6]), -2 / Math.sqrt(5 / 6)), 'of equal ones');
  t.equal(welchT([1, 2, 3], [1, 2, 3]), 0);
});

t.test('a comparison that stops at the first difference is found', async (t) => {
  // A hundred times over, so that no neighbour hides it.
  const leaky = leakyComparison(new SeededRandom(1), 100);
  const { t: found } = compareTimes(leaky, { tries: 3_000, random: new SeededRandom(2) });
  t.ok(found > T_MAX, String(found));
});

t.test('every comparison can be timed, and refuses all guesses', async (t) => {
  for (const [name, open] of Object.entries(COMPARISONS)) {
    const compared = await open(new SeededRandom(1));
    for (const guesses of [compared.one, compared.other]) {
      const outcomes = guesses.map((guess) => compared.act(guess));
      t.ok(
        outcomes.every((outcome) => outcome === false || outcome === null),
        name,
      );
    }
    compared.close();
  }
});

t.test('secrets are compared where it is listed, in a time that does not tell', async (t) => {
  const sources = readSources(PACKAGE_FOLDER, 'src');
  const compares = sources.filter(({ lines }) =>
    lines.some((line) => /timingSafeEqual\(/.test(line)),
  );
  t.same(
    compares.map((source) => source.path),
    COMPARES,
  );
  const byOperator = sources.filter(({ lines }) => lines.some((line) => BY_OPERATOR.test(line)));
  t.same(
    byOperator.map((source) => source.path),
    OWN_RECORDS,
  );
});
