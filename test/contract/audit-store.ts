// Goal: the audit log is kept alike in memory and in PostgreSQL: what is in it and since when, whose it is,
// in which order it is read, and that each entry is there once.
import type { Test } from 'tap';
import { type AuditEntry, auditText } from '../../src/core/audit-record.js';
import { ANYONE } from '../../src/core/principal.js';
import { asTenant } from '../../src/core/topic-key.js';
import { formatUuid, makeUuidV7 } from '../../src/core/uuid.js';
import type { AuditPage, AuditStore } from '../../src/tenant/audit-store.js';

const ACME = asTenant('acme');
const PAGE: AuditPage = { after: null, limit: 100, order: 'asc', sinceMs: null };
const DAY_MS = 86_400_000;

export const AUDIT_DAYS = 30;

export function entry(more: Partial<AuditEntry> = {}): AuditEntry {
  return {
    ...{ tenant: ACME, actor: '0123456789abcdef', address: '127.0.0.1', object: 'orders' },
    ...{ action: 'topic.delete', outcome: 'ok', times: 1, ageMs: 0 },
    entryId: formatUuid(makeUuidV7(Date.now(), 0)),
    requestId: 'of-a-client',
    ...more,
  };
}

type Open = (t: Test) => Promise<AuditStore>;

const CASES: Readonly<Record<string, (t: Test, open: Open) => Promise<void>>> = {
  'an entry is read as it was added, at its time': async (t, open) => {
    const store = await open(t);
    const added = entry({ outcome: 'forbidden', times: 7, ageMs: 60_000 });
    await store.add([added]);
    const [record] = await store.list(ACME, PAGE);
    const { ageMs, entryId: _, ...told } = added;
    t.match(record, told);
    t.ok(Math.abs((record?.atMs ?? 0) - (Date.now() - ageMs)) < 30_000);
  },
  'what a client calls its requests by keeps no entry out': async (t, open) => {
    const store = await open(t);
    await store.add([entry({ object: '1' }), entry({ object: '2' })]);
    await store.add([entry({ object: '3' })]);
    const told = await store.list(ACME, PAGE);
    t.same(
      told.map(({ object, requestId }) => [object, requestId]),
      ['1', '2', '3'].map((object) => [object, 'of-a-client']),
    );
  },
  'what a stranger wrote is one line, and comes back as it was made fit': async (t, open) => {
    const store = await open(t);
    const strange = 'a\r\n{"level":60}\u0000\u001b[31m\u202e\ud800\u2028\u{1f600}';
    const object = auditText(strange);
    t.notMatch(object, /[\p{C}\p{Zl}\p{Zp}]/u);
    t.match(object, /^a\\u\{d\}\\u\{a\}\{"level":60\}\\u\{0\}\\u\{1b\}\[31m/);
    await store.add([entry({ object })]);
    t.equal((await store.list(ACME, PAGE))[0]?.object, object);
    t.ok(auditText('\u0000'.repeat(1_000_000)).length < 4_096, 'however long it was');
  },
  'lists are of a tenant or of all, the oldest or the newest first, in pages': async (t, open) => {
    const store = await open(t);
    await store.add([entry({ object: '1' }), entry({ object: '2', tenant: ANYONE.tenant })]);
    await store.add([entry({ object: '3' }), entry({ object: '4' })]);
    const objects = async (tenant: typeof ACME | null, page: Partial<AuditPage>) =>
      (await store.list(tenant, { ...PAGE, ...page })).map(({ object }) => object).join('');
    t.equal(await objects(ACME, {}), '134');
    t.equal(await objects(null, {}), '1234');
    t.equal(await objects(ANYONE.tenant, {}), '2');
    t.equal(await objects(asTenant('other'), {}), '');
    t.equal(await objects(null, { order: 'desc' }), '4321');
    const ids = (await store.list(null, PAGE)).map(({ id }) => id);
    t.same(
      ids,
      [...ids].sort((a, b) => a - b),
      'ids are in the order of writing',
    );
    t.equal(await objects(ACME, { after: ids[0] ?? 0, limit: 1 }), '3');
    t.equal(await objects(ACME, { after: ids[2] ?? 0 }), '4');
    t.equal(await objects(ACME, { after: ids[2] ?? 0, order: 'desc' }), '1');
    t.equal(await objects(ACME, { after: ids[3] ?? 0 }), '');
  },
  'what is older than asked for is not shown': async (t, open) => {
    const store = await open(t);
    await store.add([entry({ object: 'old', ageMs: DAY_MS }), entry({ object: 'new' })]);
    const since = { ...PAGE, sinceMs: Date.now() - DAY_MS / 2 };
    t.same(
      (await store.list(ACME, since)).map(({ object }) => object),
      ['new'],
    );
    t.equal((await store.list(ACME, PAGE)).length, 2);
  },
  'what is added again is there once': async (t, open) => {
    const store = await open(t);
    const [first, second] = [entry({ object: 'first' }), entry({ object: 'second' })];
    await store.add([first]);
    await Promise.all([store.add([first, second]), store.add([second, first])]);
    t.same((await store.list(ACME, PAGE)).map(({ object }) => object).sort(), ['first', 'second']);
  },
};

export function auditStoreContract(t: Test, open: Open): void {
  for (const [name, run] of Object.entries(CASES)) t.test(name, (t) => run(t, open));
}
