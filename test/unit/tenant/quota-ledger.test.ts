// Goal: quotas of several acceptors with one lender come to what was set, and go on, each acceptor for
// itself, while nobody leases; a change is in force at once; what never fits is refused by another name.
import t, { type Test } from 'tap';
import { RequestError } from '../../../src/core/errors.js';
import type { LeaseAsk } from '../../../src/core/quota-lease.js';
import { type QuotaChanges, UNLIMITED, withChanges } from '../../../src/core/quotas.js';
import { asTenant } from '../../../src/core/topic-key.js';
import { MemoryLeases } from '../../../src/tenant/memory-leases.js';
import { QuotaLedger } from '../../../src/tenant/quota-ledger.js';

const ACME = asTenant('acme');
const QUIET = asTenant('quiet');
const TURN_MS = 100;

interface Rig {
  ledgers: QuotaLedger[];
  set(quotas: QuotaChanges): void;
  /** One turn of each, a tenth of a second later. */
  turn(): Promise<void>;
  lender: { state: 'leases' | 'fails' };
}

function rig(t: Test, acceptors: number): Rig {
  const clock = { ms: 0, monotonic: () => clock.ms, now: () => clock.ms, random: () => 0.5 };
  const leases = new MemoryLeases(clock);
  const lender: Rig['lender'] = { state: 'leases' };
  const lease = async (ask: LeaseAsk) => {
    if (lender.state === 'fails') throw new RequestError('log_unavailable', 'away');
    return leases.lease(ask);
  };
  const ledgers = Array.from({ length: acceptors }, (_, n) => {
    return new QuotaLedger({
      ...{ clock, holder: String(n), lease, onTurn: () => undefined },
      inUse: () => ({ sessions: 2, subscriptions: 3 }),
      storedBytes: async () => 1_000,
    });
  });
  // Turns are the test's own.
  for (const ledger of ledgers) t.teardown(() => ledger.close());
  for (const ledger of ledgers) ledger.close();
  return {
    ledgers,
    lender,
    set: (changes) => {
      const all = [{ tenant: ACME, quotas: withChanges(UNLIMITED, changes) }];
      for (const ledger of ledgers) ledger.changed(all);
    },
    turn: async () => {
      clock.ms += TURN_MS;
      for (const ledger of ledgers) await ledger.turn();
    },
  };
}

/** How many of so many publishes pass, of one message and so many bytes each. */
function pass(ledger: QuotaLedger | undefined, times: number, bytes = 10): number {
  let passed = 0;
  for (let n = 0; n < times; n++)
    if (codeOf(() => ledger?.of(ACME)?.publish(1, bytes)) === null) passed++;
  return passed;
}

function codeOf(act: () => void): string | null {
  try {
    act();
    return null;
  } catch (error) {
    if (error instanceof RequestError) return error.code;
    throw error;
  }
}

t.test('three acceptors under ten times the quota let it through, within a tenth', async (t) => {
  const { ledgers, set, turn } = rig(t, 3);
  set({ messagesPerS: 1_000 });
  let passed = 0;
  for (let n = 0; n < 100; n++) {
    for (const ledger of ledgers) passed += pass(ledger, 334);
    await turn();
  }
  t.ok(Math.abs(passed - 10_000) <= 1_000, `${passed} in ten seconds`);
});

t.test('a tenant without quotas is unknown, whatever others have', async (t) => {
  const { ledgers, set } = rig(t, 1);
  const [ledger] = ledgers;
  t.equal(ledger?.of(ACME), undefined);
  set({ messagesPerS: 1 });
  t.ok(ledger?.of(ACME));
  t.equal(ledger?.of(QUIET), undefined);
  ledger?.changed([]);
  t.equal(ledger?.of(ACME), undefined, 'and is again once they are lifted');
});

t.test('a tenant that is told with quotas that set nothing has none any more', (t) => {
  const { ledgers, set } = rig(t, 1);
  set({ messagesPerS: 1 });
  t.equal(pass(ledgers[0], 5), 1);
  set({});
  t.equal(ledgers[0]?.of(ACME), undefined);
  t.end();
});

t.test('what is over a quota says which, and takes nothing', async (t) => {
  const { ledgers, set, turn } = rig(t, 1);
  const use = () => ledgers[0]?.of(ACME);
  set({ messagesPerS: 100, bytesPerS: 10_000 });
  t.equal(
    codeOf(() => use()?.publish(101, 10)),
    'batch_too_large',
    'it never fits',
  );
  t.equal(
    codeOf(() => use()?.publish(2, 10_001)),
    'batch_too_large',
  );
  t.equal(
    codeOf(() => use()?.publish(1, 10_001)),
    'payload_too_large',
  );
  t.equal(
    codeOf(() => use()?.publish(100, 10_000)),
    null,
    'a second at once does',
  );
  t.equal(
    codeOf(() => use()?.publish(1, 1)),
    'rate_limited',
  );
  t.throws(() => use()?.publish(1, 1), { message: /messages_per_s/ });
  set({ bytesPerS: 10_000 });
  t.equal(
    codeOf(() => use()?.publish(1, 1)),
    'rate_limited',
    'a quota that stays goes on as it was',
  );
  t.throws(() => use()?.publish(1, 1), { message: /bytes_per_s/ });
  set({ messagesPerS: 100 });
  t.equal(
    codeOf(() => use()?.publish(1, 1_000_000)),
    null,
    'one that is lifted refuses nothing',
  );
  set({ storedBytes: 1_010 });
  t.equal(
    codeOf(() => use()?.publish(1, 2_000)),
    null,
    'before it is known what is kept',
  );
  await turn();
  await turn();
  t.equal(
    codeOf(() => use()?.publish(1, 11)),
    'quota_exceeded',
  );
  t.equal(
    codeOf(() => use()?.publish(1, 10)),
    null,
  );
  t.equal(
    codeOf(() => use()?.publish(1, 1)),
    'quota_exceeded',
    'what passed counts at once',
  );
});

t.test('what was open before there was a quota counts', async (t) => {
  const { ledgers, set, turn } = rig(t, 1);
  set({ sessions: 3, subscriptions: 3 });
  const use = ledgers[0]?.of(ACME);
  await turn();
  t.equal(use?.refusal('sessions'), null);
  use?.opened('sessions');
  t.match(use?.refusal('sessions'), {
    code: 'quota_exceeded',
    message: /3 sessions.*sessions raised/,
  });
  t.match(use?.refusal('subscriptions'), { code: 'quota_exceeded' });
  use?.closed('subscriptions');
  await turn();
  t.equal(use?.refusal('subscriptions'), null);
});

t.test('while nobody leases each acceptor lets through what the quota says', async (t) => {
  const { ledgers, set, turn, lender } = rig(t, 1);
  set({ messagesPerS: 1_000, sessions: 5 });
  for (let n = 0; n < 10; n++) {
    pass(ledgers[0], 300);
    await turn();
  }
  lender.state = 'fails';
  let passed = 0;
  for (let n = 0; n < 50; n++) {
    passed += pass(ledgers[0], 300);
    await turn();
  }
  t.ok(Math.abs(passed - 5_000) <= 500, `${passed} in five seconds`);
  t.equal(ledgers[0]?.of(ACME)?.refusal('sessions'), null, 'what was held stays held');
});

t.test('RateLimit and RateLimit-Policy say what there is', async (t) => {
  const { ledgers, set } = rig(t, 1);
  set({ sessions: 5 });
  const use = ledgers[0]?.of(ACME);
  t.equal(use?.policy, null, 'of a tenant without rates there is nothing to say');
  set({ messagesPerS: 1_000, bytesPerS: 2_000_000 });
  t.equal(use?.policy, '"messages";q=1000;w=1, "bytes";q=2000000;w=1;qu="content-bytes"');
  t.equal(use?.remaining, '"messages";r=250;t=1, "bytes";r=500000;t=1');
  pass(ledgers[0], 250, 100);
  t.equal(use?.remaining, '"messages";r=0;t=1, "bytes";r=475000;t=1');
});
