// Goal: what one session has under way is bounded, each kind of request by what it costs, and what was
// answered counts no more; who is refused too often in a short time is found.
import t from 'tap';
import { SessionLoad, TooMuchUnderWay } from '../../../../src/acceptor/session/session-load.js';
import { DEFAULT_LIMITS } from '../../../../src/core/limits.js';

const LIMITS = {
  ...DEFAULT_LIMITS,
  sessionRequestsMax: 256,
  sessionRequestBytesMax: 1_000_000,
  subscriptionsPerSessionMax: 16,
};

/** How many fit one after another. */
function fitting(check: () => void, sent: () => void): number {
  for (let count = 0; count < 10_000; count++) {
    try {
      check();
    } catch (error) {
      if (!(error instanceof TooMuchUnderWay)) throw error;
      return count;
    }
    sent();
  }
  return Number.POSITIVE_INFINITY;
}

const ack = (load: SessionLoad): number =>
  fitting(
    () => load.checkAck(LIMITS),
    () => {
      load.acks++;
    },
  );
const publish = (load: SessionLoad, bytes: number): number =>
  fitting(
    () => load.checkRequest(LIMITS, bytes),
    () => load.requestSent(bytes),
  );
const subscribe = (load: SessionLoad): number =>
  fitting(
    () => load.checkSubscribe(LIMITS),
    () => load.subscribeSent(LIMITS),
  );

const CASES: readonly [string, (load: SessionLoad) => number, number][] = [
  ['publishes', (load) => publish(load, 0), 256],
  ['large publishes', (load) => publish(load, 100_000), 10],
  ['publishes that are too large for the bound, one at a time', (load) => publish(load, 2e6), 1],
  ['acknowledgements', ack, 1_024],
  ['subscribes: twice as many as there may be', subscribe, 32],
];

for (const [what, fill, expected] of CASES) {
  t.test(`at most so many are under way: ${what}`, async (t) => {
    const load = new SessionLoad();
    t.equal(fill(load), expected);
    t.throws(() => load.checkRequest(LIMITS, 2e6), { code: 'busy' }, 'they share one bound');
  });
}

t.test('what was answered counts no more', async (t) => {
  const load = new SessionLoad();
  for (let round = 0; round < 3; round++) {
    t.equal(publish(load, 1_000), 256);
    for (let i = 0; i < 256; i++) load.requestAnswered(1_000);
    t.equal(subscribe(load), 32);
    for (let i = 0; i < 32; i++) load.subscribeAnswered(LIMITS);
  }
});

t.test(
  'all subscriptions of a session may be asked for at once, whatever the limits',
  async (t) => {
    for (const subscriptionsPerSessionMax of [1, 128, 10_000]) {
      const limits = { ...DEFAULT_LIMITS, subscriptionsPerSessionMax };
      const load = new SessionLoad();
      t.doesNotThrow(() => {
        for (let i = 0; i < subscriptionsPerSessionMax; i++) {
          load.checkSubscribe(limits);
          load.subscribeSent(limits);
        }
      });
    }
  },
);

t.test('what comes late for a subscription that was ended is not held against it', async (t) => {
  const load = new SessionLoad();
  load.pardon();
  const refused = Array.from({ length: 1_000 + 1_024 }, () => load.refused(5));
  t.notOk(refused.includes(true));
  t.equal(load.refused(5), true, 'once');
});

t.test('so many refusals in a second are one too many, and a second later none are', async (t) => {
  const load = new SessionLoad();
  const refused = (nowMs: number, times: number): boolean[] =>
    Array.from({ length: times }, () => load.refused(nowMs));
  t.notOk(refused(5, 1_024).includes(true));
  t.equal(load.refused(900), true);
  t.notOk(refused(1_005, 1_024).includes(true));
});
