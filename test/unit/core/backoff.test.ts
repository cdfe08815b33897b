// Goal: waits double up to the cap and are spread by chance, never to nothing.
import t from 'tap';
import { backoffMs } from '../../../src/core/backoff.js';

const OPTIONS = { firstMs: 50, capMs: 1_000 };

t.test('doubles up to the cap', async (t) => {
  const most = Array.from({ length: 7 }, (_, n) => backoffMs(n + 1, OPTIONS, () => 0.999_999));
  t.same(most, [50, 100, 200, 400, 800, 1_000, 1_000]);
});

t.test('is at least half of the step, however large the attempt', async (t) => {
  t.equal(
    backoffMs(1, OPTIONS, () => 0),
    25,
  );
  t.equal(
    backoffMs(10_000, OPTIONS, () => 0),
    500,
  );
});
