import t from 'tap';
import { REDELIVERY_CAP_MS, redeliveryMs } from '../../../src/core/redelivery.js';

const RULE = { ackWaitMs: 1_000, maxDeliver: 5 };

t.test('attempts come at 0, 1, 3, 7, 15 s and the end at 31 s, within 10 %', async (t) => {
  for (const chance of [0, 0.5, 0.999]) {
    let atMs = 0;
    for (const [i, second] of [1, 3, 7, 15, 31].entries()) {
      atMs += redeliveryMs(i + 1, RULE, () => chance);
      t.ok(atMs >= second * 1_000 && atMs <= second * 1_100, `${atMs} for ${second} s`);
    }
  }
});

t.test('no step is above the cap, however many attempts there were', async (t) => {
  for (const attempt of [7, 31, 32, 1_000]) {
    t.equal(
      redeliveryMs(attempt, RULE, () => 0),
      REDELIVERY_CAP_MS,
    );
  }
});

t.test('an ack wait above the cap is kept, and not doubled', async (t) => {
  const rule = { ackWaitMs: 300_000, maxDeliver: 5 };
  t.equal(
    redeliveryMs(1, rule, () => 0),
    300_000,
  );
  t.equal(
    redeliveryMs(4, rule, () => 0),
    300_000,
  );
});
