// Goal: the contract of the audit log, in memory; and its bounds of rows and of days.
import t from 'tap';
import { systemClock } from '../../src/core/clock.js';
import { MemoryAudit } from '../../src/tenant/memory-audit.js';
import { AUDIT_DAYS, auditStoreContract, entry } from './audit-store.js';

const ALL = { after: null, limit: 100, order: 'asc', sinceMs: null } as const;

function open(memoryAuditRowsMax: number): MemoryAudit {
  const limits = { auditDays: AUDIT_DAYS, memoryAuditRowsMax };
  return new MemoryAudit({ clock: systemClock, limits });
}

auditStoreContract(t, async (t) => {
  const store = open(100);
  t.teardown(() => store.close());
  return store;
});

t.test('beyond its bound the oldest goes', async (t) => {
  const store = open(3);
  const objects = ['1', '2', '3', '4', '5'];
  for (const object of objects) await store.add([entry({ object })]);
  t.same(
    (await store.list(null, ALL)).map(({ object }) => object),
    ['3', '4', '5'],
  );
});

t.test('nothing past AUDIT_DAYS is shown', async (t) => {
  const store = open(3);
  const dayMs = 86_400_000;
  await store.add([entry({ object: 'past', ageMs: (AUDIT_DAYS + 1) * dayMs })]);
  await store.add([entry({ object: 'kept', ageMs: (AUDIT_DAYS - 1) * dayMs })]);
  t.same(
    (await store.list(null, ALL)).map(({ object }) => object),
    ['kept'],
  );
});
