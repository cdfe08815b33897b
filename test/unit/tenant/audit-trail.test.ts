// Goal: what an acceptor tells the audit log comes there, in order and in batches; failures that are alike
// are one entry with a count; while nobody takes it, it waits within its bounds, and what found no room is
// told.
import t from 'tap';
import { eventually } from '../../../native-bench/rig/eventually.js';
import type { AuditEntry, AuditEvent } from '../../../src/core/audit-record.js';
import { systemClock } from '../../../src/core/clock.js';
import { ANYONE } from '../../../src/core/principal.js';
import { asTenant, type Tenant } from '../../../src/core/topic-key.js';
import { formatUuid, makeUuidV7 } from '../../../src/core/uuid.js';
import { AuditTrail } from '../../../src/tenant/audit-trail.js';

const ACME = asTenant('acme');

function event(more: Partial<AuditEvent> = {}): AuditEvent {
  return {
    ...{ tenant: ACME, actor: 'k', address: '127.0.0.1', action: 'topic.delete', object: 'o' },
    ...{ outcome: 'ok', requestId: formatUuid(makeUuidV7(Date.now(), 0)) },
    ...more,
  };
}

class Kept {
  readonly entries: AuditEntry[] = [];
  readonly batches: number[] = [];
  /** How often nobody took a batch. */
  refusals = 0;
  state: 'takes' | 'refuses' = 'takes';

  readonly send = async (entries: readonly AuditEntry[]): Promise<void> => {
    if (this.state === 'refuses') {
      this.refusals++;
      throw new Error('the database is away');
    }
    this.batches.push(entries.length);
    this.entries.push(...entries);
  };
}

function open(t: { teardown: (end: () => void) => void }): { trail: AuditTrail; kept: Kept } {
  const kept = new Kept();
  const trail = new AuditTrail({ clock: systemClock, send: kept.send });
  t.teardown(() => trail.close());
  return { trail, kept };
}

t.test('what was done is told in order, soon, and in batches', async (t) => {
  const { trail, kept } = open(t);
  const objects = Array.from({ length: 600 }, (_, n) => String(n));
  for (const object of objects) trail.add(event({ object }));
  await eventually(() => kept.entries.length === 600);
  t.same(
    kept.entries.map(({ object }) => object),
    objects,
  );
  t.same(kept.batches, [256, 256, 88]);
  t.ok(kept.entries.every(({ times, ageMs }) => times === 1 && ageMs >= 0));
});

t.test('texts of strangers are made fit', async (t) => {
  const { trail, kept } = open(t);
  const strange = 'a\nb';
  trail.add(event({ object: strange, address: strange, actor: strange }));
  await trail.flushed();
  t.match(kept.entries, [{ object: 'a\\u{a}b', address: 'a\\u{a}b', actor: 'a\\u{a}b' }]);
});

t.test('failures that are alike are one entry with a count, others their own', async (t) => {
  const { trail, kept } = open(t);
  const [first, ...others] = Array.from({ length: 1_000 }, () => event({ outcome: 'forbidden' }));
  for (const one of [first, ...others]) trail.add(one ?? event());
  trail.add(event({ outcome: 'forbidden', object: 'other' }));
  trail.add(event({ outcome: 'topic_not_found' }));
  trail.add(event({ outcome: 'ok' }));
  trail.add(event({ outcome: 'ok' }));
  await trail.flushed();
  t.match(kept.entries, [
    { outcome: 'forbidden', object: 'o', times: 1, requestId: first?.requestId },
    { outcome: 'forbidden', object: 'other', times: 1 },
    { outcome: 'topic_not_found', times: 1 },
    { outcome: 'ok', times: 1 },
    { outcome: 'ok', times: 1 },
    { outcome: 'forbidden', object: 'o', times: 999, requestId: others[0]?.requestId },
  ]);
  t.equal(kept.entries.length, 6);
  trail.add(event({ outcome: 'forbidden' }));
  await trail.flushed();
  t.match(kept.entries.at(-1), { times: 1 }, 'and after that it begins anew');
});

t.test('while nobody takes it, it waits; what finds no room is counted by tenant', async (t) => {
  const { trail, kept } = open(t);
  kept.state = 'refuses';
  for (let n = 0; n < 1_500; n++) trail.add(event({ object: String(n) }));
  for (let n = 0; n < 7; n++) trail.add(event({ tenant: ANYONE.tenant }));
  await eventually(() => kept.refusals > 0);
  t.equal(trail.sizes.waiting, 1_024);
  await trail.flushed();
  t.equal(trail.sizes.waiting, 1_024, 'who ends does not wait for ever');
  kept.state = 'takes';
  await eventually(() => kept.entries.length === 1_025, 20_000);
  t.same(
    kept.entries.slice(0, 1_017).map(({ object }) => object),
    Array.from({ length: 1_017 }, (_, n) => String(n)),
    'the first ones, each once',
  );
  const of = (tenant: Tenant, action: string): AuditEntry[] =>
    kept.entries.filter((one) => one.tenant === tenant && one.action === action);
  t.equal(of(ANYONE.tenant, 'topic.delete').length, 7, 'another tenant has room still');
  t.match(of(ACME, 'audit.lost'), [{ times: 483 }]);
  t.same(of(ANYONE.tenant, 'audit.lost'), []);
});

t.test('what a tenant has done waits longer than what it has refused', async (t) => {
  const { trail, kept } = open(t);
  kept.state = 'refuses';
  trail.add(event({ object: 'done' }));
  await eventually(() => kept.refusals > 0);
  for (let n = 0; n < 255; n++) trail.add(event({ outcome: 'forbidden', object: String(n) }));
  for (let n = 0; n < 768; n++) trail.add(event({ object: `done ${n}` }));
  for (let n = 0; n < 100; n++) trail.add(event({ tenant: ANYONE.tenant }));
  kept.state = 'takes';
  await trail.flushed();
  await eventually(() => kept.entries.length >= 1_024, 20_000);
  const done = kept.entries.filter(({ tenant, outcome }) => tenant === ACME && outcome === 'ok');
  t.equal(done.length, 769);
  t.equal(kept.entries.filter(({ tenant }) => tenant === ANYONE.tenant).length, 100);
});

t.test('kinds of failures of one tenant do not push out those of another', async (t) => {
  const { trail, kept } = open(t);
  const other = { tenant: ANYONE.tenant, outcome: 'forbidden' } as const;
  for (let n = 0; n < 5_000; n++) trail.add(event({ outcome: 'forbidden', object: String(n) }));
  for (let n = 0; n < 20; n++) trail.add(event({ ...other, object: String(n % 2) }));
  for (let n = 0; n < 5_000; n++) trail.add(event({ outcome: 'forbidden', object: `${n}` }));
  await trail.flushed();
  await eventually(() => kept.entries.some(({ action }) => action === 'audit.lost'));
  const told = kept.entries.filter(({ tenant }) => tenant === other.tenant);
  t.match(
    told.map(({ action, object, times }) => [action, object, times]),
    [
      ['topic.delete', '0', 1],
      ['topic.delete', '1', 1],
      ['topic.delete', '0', 9],
      ['topic.delete', '1', 9],
    ],
  );
});

t.test('kinds of failures are bounded', async (t) => {
  const { trail, kept } = open(t);
  for (let n = 0; n < 10_000; n++) {
    trail.add(event({ outcome: 'topic_not_found', object: String(n) }));
  }
  t.same(trail.sizes, { waiting: 256, alike: 256 });
  await trail.flushed();
  await eventually(() => kept.entries.some(({ action }) => action === 'audit.lost'));
  t.equal(kept.entries.find(({ action }) => action === 'audit.lost')?.times, 10_000 - 256);
});

t.test('one that is closed takes nothing more', async (t) => {
  const { trail, kept } = open(t);
  trail.close();
  trail.add(event());
  await trail.flushed();
  t.same(kept.entries, []);
});
