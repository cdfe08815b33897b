// Goal: tenants and keys are kept alike in memory and in PostgreSQL: what there is, whose it is, when it
// is over, how many there may be, and who is told of a change.
import type { Test } from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { digestOf, makeApiKey, makeLogin } from '../../src/core/api-key.js';
import { ANYONE } from '../../src/core/principal.js';
import { UNLIMITED } from '../../src/core/quotas.js';
import { asTenant } from '../../src/core/topic-key.js';
import type { KeyStore, NewKey } from '../../src/tenant/key-store.js';
import type { NewLogin } from '../../src/tenant/login-store.js';

const ACME = asTenant('acme');
const PAGE = { after: '', limit: 100 };
/** Of one tenant; of tenants, the default one among them. */
export const BOUNDS = { keysPerTenantMax: 3, tenantsMax: 3, loginsPerKeyMax: 4 };

export interface OpenKeyStore {
  store: KeyStore;
  /** The ids that were told, in order. */
  told: string[];
  /** How often it was told that quotas changed. */
  quotasTold: () => number;
}

function keyOf(more: Partial<NewKey> = {}): NewKey & { text: string } {
  const { id, text } = makeApiKey();
  const right = { tenant: ACME, scopes: ['publish'], topics: null, expiresAtMs: null } as const;
  return { ...right, id, text, digest: digestOf(text), ...more };
}

function loginOf(of: NewLogin['of'], more: Partial<NewLogin> = {}): NewLogin {
  const { id, text } = makeLogin();
  return { id, digest: digestOf(text), of, lifeMs: 3_600_000, replaces: null, ...more };
}

/** Of a key that was just added. */
async function withKey(store: KeyStore, more: Partial<NewKey> = {}): Promise<string> {
  await store.addTenant(ACME, {});
  return (await store.add(keyOf(more))).id;
}

async function foundIds({ logins }: KeyStore, ids: readonly string[]): Promise<string[]> {
  return (await logins.find(ids)).map(({ id }) => id);
}

const PROOF = Buffer.alloc(32, 7);
const VARIABLE = { variable: 'ADMIN_API_KEY', proof: PROOF };

type Open = (t: Test) => Promise<OpenKeyStore>;

const CASES: Readonly<Record<string, (t: Test, open: Open) => Promise<void>>> = {
  'a key is found as it was added': async (t, open) => {
    const { store } = await open(t);
    await t.rejects(store.add(keyOf()), { code: 'tenant_not_found' });
    await store.addTenant(ACME, {});
    const soonMs = Date.now() + 60_000;
    const key = keyOf({ scopes: ['publish', 'manage'], topics: ['a', 'b.*'], expiresAtMs: soonMs });
    const { id, digest, tenant, scopes, topics } = key;
    const right = { tenant, scopes, topics, expiresAtMs: soonMs };
    const record = await store.add(key);
    t.match(record, { ...right, id, lastUsedAtMs: null });
    const [found] = await store.find([id, makeApiKey().id]);
    t.match(found, { ...right, id, digest: digest.toString('hex') });
    t.ok(found?.leftMs !== null && Math.abs((found?.leftMs ?? 0) - 60_000) < 30_000);
    t.same(await store.get(id, ACME), record);
    t.same(await store.get(id, null), record);
    t.equal(await store.get(id, ANYONE.tenant), null, "another's");
    t.equal(await store.get(makeApiKey().id, null), null);
    t.equal(JSON.stringify([record, await store.list(null, PAGE)]).includes(key.text), false);
  },
  'lists are of a tenant or of all, in the order of ids': async (t, open) => {
    const { store } = await open(t);
    await store.addTenant(ACME, {});
    const own = [await store.add(keyOf()), await store.add(keyOf())];
    const other = await store.add(keyOf({ tenant: ANYONE.tenant }));
    const sorted = (records: { id: string }[]): string[] => records.map(({ id }) => id).sort();
    const ids = async (tenant: typeof ACME | null, page = PAGE): Promise<string[]> =>
      (await store.list(tenant, page)).map(({ id }) => id);
    t.same(await ids(ACME), sorted(own));
    t.same(await ids(null), sorted([...own, other]));
    const [first = ''] = sorted(own);
    t.same(await ids(ACME, { after: '', limit: 1 }), [first]);
    t.same(await ids(ACME, { after: first, limit: 1 }), sorted(own).slice(1));
  },
  'a key that is over is found no more, and one that ends before it begins is refused': async (
    t,
    open,
  ) => {
    const { store } = await open(t);
    await store.addTenant(ACME, {});
    const past = Date.now() - 60_000;
    await t.rejects(store.add(keyOf({ expiresAtMs: past })), {
      ...{ code: 'invalid_field', field: 'expires_at' },
    });
    t.same(await store.list(ACME, PAGE), []);
    const { id } = await store.add(keyOf({ expiresAtMs: Date.now() + 500 }));
    await eventually(async () => (await store.find([id])).length === 0);
    t.equal((await store.list(ACME, PAGE)).length, 1, 'it is listed');
    await t.rejects(store.replace(id, keyOf(), 0), { code: 'key_not_found' });
  },
  'a key that is replaced goes on for the overlap': async (t, open) => {
    const { store, told } = await open(t);
    await store.addTenant(ACME, {});
    const old = await store.add(keyOf());
    const next = await store.replace(old.id, keyOf(), 60_000);
    t.equal((await store.find([old.id, next.id])).length, 2);
    const endMs = (await store.get(old.id, null))?.expiresAtMs ?? 0;
    t.ok(Math.abs(endMs - Date.now() - 60_000) < 30_000);
    await eventually(() => told.includes(old.id));
    const last = await store.replace(next.id, keyOf(), 0);
    t.same(
      (await store.find([next.id, last.id])).map(({ id }) => id),
      [last.id],
      'or not at all',
    );
    await store.replace(old.id, keyOf(), 3_600_000);
    t.equal((await store.get(old.id, null))?.expiresAtMs, endMs, 'its end is put off by nobody');
  },
  'keys of a tenant, and tenants, are bounded': async (t, open) => {
    const { store } = await open(t);
    await store.addTenant(ACME, {});
    const all = [];
    for (let n = 0; n < BOUNDS.keysPerTenantMax; n++) all.push(await store.add(keyOf()));
    await t.rejects(store.add(keyOf()), { code: 'key_limit' });
    const [first] = all;
    await t.rejects(store.replace(first?.id ?? '', keyOf(), 60_000), { code: 'key_limit' });
    t.equal((await store.get(first?.id ?? '', null))?.expiresAtMs, null, 'and nothing was changed');
    const replaced = await store.replace(first?.id ?? '', keyOf(), 0);
    t.equal(await store.remove(replaced.id), true);
    t.equal(await store.remove(replaced.id), false);
    await store.add(keyOf());
    await store.addTenant(asTenant('b'), {});
    await t.rejects(store.addTenant(asTenant('c'), {}), { code: 'tenant_limit' });
    await t.rejects(store.addTenant(asTenant('b'), {}), { code: 'tenant_exists' });
  },
  'what becomes of one tenant leaves the keys of another': async (t, open) => {
    const { store } = await open(t);
    await store.addTenant(ACME, {});
    const theirs: string[] = [];
    for (let n = 0; n < BOUNDS.keysPerTenantMax; n++) {
      theirs.push((await store.add(keyOf({ tenant: ANYONE.tenant }))).id);
    }
    const first = await store.addFirst(keyOf());
    t.ok(first, 'there is room for it, and none was there');
    await store.removeTenant(ACME);
    t.equal(await store.get(first?.id ?? '', null), null);
    t.equal((await store.find(theirs)).length, theirs.length);
  },
  'many at once do not pass the bound': async (t, open) => {
    const { store } = await open(t);
    await store.addTenant(ACME, {});
    const tries = await Promise.allSettled(Array.from({ length: 9 }, () => store.add(keyOf())));
    t.equal(tries.filter(({ status }) => status === 'fulfilled').length, BOUNDS.keysPerTenantMax);
    const first = await Promise.all(
      Array.from({ length: 4 }, () => store.addFirst(keyOf({ tenant: ANYONE.tenant }))),
    );
    t.equal(first.filter((record) => record !== null).length, 1, 'a first key is made once');
  },
  'a change is told, a use is not': async (t, open) => {
    const { store, told } = await open(t);
    await store.addTenant(ACME, {});
    const [used, gone] = [await store.add(keyOf()), await store.add(keyOf())];
    await store.used([used.id, makeApiKey().id]);
    t.ok(Math.abs(((await store.get(used.id, null))?.lastUsedAtMs ?? 0) - Date.now()) < 30_000);
    await store.remove(gone.id);
    await eventually(() => told.includes(gone.id));
    t.notOk(told.includes(used.id));
  },
  'a login is found with what its key is good for': async (t, open) => {
    const { store } = await open(t);
    const keyId = await withKey(store, { scopes: ['manage'], topics: ['a.*'] });
    const login = loginOf({ keyId });
    const leftMs = (await store.logins.add(login)) ?? 0;
    t.ok(Math.abs(leftMs - 3_600_000) < 30_000);
    const [found] = await store.logins.find([login.id, makeLogin().id, keyId]);
    t.match(found, { id: login.id, digest: login.digest.toString('hex') });
    const right = { tenant: ACME, scopes: ['manage'], topics: ['a.*'], expiresAtMs: null };
    t.same(found?.of, { keyId, ...right }, 'the end is that of the key');
    t.ok(Math.abs((found?.leftMs ?? 0) - leftMs) < 30_000);
    const configured = loginOf(VARIABLE);
    await store.logins.add(configured);
    const [other] = await store.logins.find([configured.id]);
    t.same(other?.of, { variable: 'ADMIN_API_KEY', proof: PROOF.toString('hex') });
    t.same((await store.list(null, PAGE)).length, 1, 'it is no key');
    t.same(await store.find([login.id]), []);
  },
  'a login ends with its key, when it is over, and when somebody ends it': async (t, open) => {
    const { store, told } = await open(t);
    const soonMs = Date.now() + 60_000;
    const keyId = await withKey(store, { expiresAtMs: soonMs });
    const [kept, ended] = [loginOf({ keyId }), loginOf({ keyId })];
    t.ok(((await store.logins.add(kept)) ?? 0) <= 60_000, 'it lasts no longer');
    await store.logins.add(ended);
    const brief = loginOf({ keyId }, { lifeMs: 300 });
    await store.logins.add(brief);
    await store.logins.remove(ended.id);
    await store.logins.remove(makeLogin().id);
    await eventually(() => told.includes(ended.id));
    await eventually(async () => (await foundIds(store, [brief.id])).length === 0);
    t.same(await foundIds(store, [kept.id, ended.id]), [kept.id]);
    t.match(await store.logins.find([kept.id]), [{ of: { keyId, expiresAtMs: soonMs } }]);
    await store.remove(keyId);
    t.same(await foundIds(store, [kept.id]), []);
    await eventually(() => told.includes(kept.id));
    const code = 'unauthorized';
    await t.rejects(store.logins.add(loginOf({ keyId })), { code }, 'its key is gone');
  },
  'a key that is over has no logins, and makes none': async (t, open) => {
    const { store, told } = await open(t);
    const keyId = await withKey(store);
    const login = loginOf({ keyId });
    await store.logins.add(login);
    const { id: next } = await store.replace(keyId, keyOf(), 0);
    await eventually(() => told.includes(login.id));
    t.same(await foundIds(store, [login.id]), []);
    await t.rejects(store.logins.add(loginOf({ keyId })), { code: 'unauthorized' });
    const other = loginOf({ keyId: next });
    await store.logins.add(other);
    await store.remove(next);
    await store.removeTenant(ACME);
    t.same(await foundIds(store, [other.id]), [], 'with its tenant, too');
  },
  'one that replaces another ends when that would have; that one goes on for a moment': async (
    t,
    open,
  ) => {
    const { store, told } = await open(t);
    const first = loginOf(VARIABLE, { lifeMs: 600_000 });
    await store.logins.add(first);
    const next = loginOf(VARIABLE, { replaces: first.id });
    t.ok(((await store.logins.add(next)) ?? 0) > 590_000);
    await eventually(() => told.includes(first.id));
    const [before] = await store.logins.find([first.id]);
    t.ok((before?.leftMs ?? 0) > 0 && (before?.leftMs ?? 0) <= 60_000);
    const again = loginOf(VARIABLE, { replaces: first.id });
    t.equal(await store.logins.add(again), null, 'by one in its last moment nothing is made');
    t.same(await foundIds(store, [again.id, next.id]), [next.id]);
    await store.logins.remove(first.id);
    const late = loginOf(VARIABLE, { replaces: first.id });
    await t.rejects(store.logins.add(late), { code: 'unauthorized' });
    t.same(await foundIds(store, [next.id, late.id]), []);
  },
  'of two that replace one at once one is made': async (t, open) => {
    const { store } = await open(t);
    const first = loginOf(VARIABLE);
    await store.logins.add(first);
    const both = [0, 1].map(() => loginOf(VARIABLE, { replaces: first.id }));
    const lefts = await Promise.all(both.map((login) => store.logins.add(login)));
    t.equal(lefts.filter((leftMs) => leftMs === null).length, 1);
    t.ok(Math.max(...lefts.map(Number)) > 3_500_000, 'with the end of the first');
  },
  'whoever ends one ends what it replaced, and what replaced it': async (t, open) => {
    const { store, told } = await open(t);
    const other = loginOf(VARIABLE);
    await store.logins.add(other);
    for (const ended of [0, 1, 2]) {
      const first = loginOf(VARIABLE);
      const second = loginOf(VARIABLE, { replaces: first.id });
      const third = loginOf(VARIABLE, { replaces: second.id });
      for (const login of [first, second, third]) await store.logins.add(login);
      const ids = [first.id, second.id, third.id];
      t.same((await foundIds(store, ids)).sort(), [...ids].sort(), 'each is good for a while');
      await store.logins.remove(ids[ended] ?? '');
      t.same(await foundIds(store, ids), [], `by the ${ended}.`);
      await eventually(() => ids.every((id) => told.includes(id)));
      const late = loginOf(VARIABLE, { replaces: third.id });
      await t.rejects(store.logins.add(late), { code: 'unauthorized' });
    }
    t.same(await foundIds(store, [other.id]), [other.id], 'another login is its own');
  },
  'of too many logins of one key the oldest end': async (t, open) => {
    const { store, told } = await open(t);
    const keyId = await withKey(store);
    const other = loginOf(VARIABLE);
    await store.logins.add(other);
    const logins = Array.from({ length: BOUNDS.loginsPerKeyMax + 2 }, () => loginOf({ keyId }));
    for (const login of logins) await store.logins.add(login);
    const ids = logins.map(({ id }) => id);
    t.same((await foundIds(store, ids)).sort(), ids.slice(2).sort());
    await eventually(() => ids.slice(0, 2).every((id) => told.includes(id)));
    t.same(await foundIds(store, [other.id]), [other.id], 'of another key none');
  },
  'since when a tenant is there is known': async (t, open) => {
    const { store } = await open(t);
    t.equal(await store.tenantSince(ACME), null);
    const { createdAtMs } = await store.addTenant(ACME, {});
    t.equal(await store.tenantSince(ACME), createdAtMs);
    await store.removeTenant(ACME);
    t.equal(await store.tenantSince(ACME), null);
  },
  'quotas are kept, changed one by one, and told': async (t, open) => {
    const { store, quotasTold } = await open(t);
    const [before, none] = [quotasTold(), { ...UNLIMITED }];
    t.match(await store.addTenant(ACME, {}), { quotas: none });
    t.same(await store.quotas(), []);
    t.match(await store.patchTenant(ACME, { messagesPerS: 5, topics: 0 }), {
      quotas: { ...none, messagesPerS: 5, topics: 0 },
    });
    await eventually(() => quotasTold() > before);
    const kept = await store.patchTenant(ACME, {
      messagesPerS: undefined,
      topics: null,
      sessions: 7,
    });
    t.same(kept.quotas, { ...none, messagesPerS: 5, sessions: 7 }, 'null ends one, no other');
    t.same(await store.quotas(), [{ tenant: ACME, quotas: kept.quotas }]);
    const listed = await store.listTenants(PAGE);
    t.same(listed.find(({ name }) => name === ACME)?.quotas, kept.quotas);
    const [b, seen] = [asTenant('b'), quotasTold()];
    await store.addTenant(b, { storedBytes: 2 ** 40, bytesPerS: null });
    await eventually(() => quotasTold() > seen);
    t.match(await store.quotas(), [{}, {}]);
    t.same((await store.patchTenant(b, { storedBytes: null })).quotas, none);
    t.same(await store.quotas(), [{ tenant: ACME, quotas: kept.quotas }]);
    const last = quotasTold();
    await store.removeTenant(ACME);
    await eventually(() => quotasTold() > last);
    t.same(await store.quotas(), []);
    await t.rejects(store.patchTenant(ACME, {}), { code: 'tenant_not_found' });
  },
  'a tenant goes with its keys, and its name is free': async (t, open) => {
    const { store, told } = await open(t);
    await store.addTenant(ACME, {});
    const { id } = await store.add(keyOf());
    t.same(
      (await store.listTenants(PAGE)).map(({ name }) => name),
      [ACME, ANYONE.tenant],
    );
    await store.removeTenant(ACME);
    await t.rejects(store.removeTenant(ACME), { code: 'tenant_not_found' });
    t.same(await store.find([id]), []);
    await eventually(() => told.includes(id));
    t.same(
      (await store.listTenants(PAGE)).map(({ name }) => name),
      [ANYONE.tenant],
    );
    await store.addTenant(ACME, {});
    t.same(await store.list(ACME, PAGE), []);
  },
  'what tokens are sealed with is made once, and stays': async (t, open) => {
    const { store } = await open(t);
    const all = await Promise.all(Array.from({ length: 5 }, () => store.tokenSecret()));
    t.equal(all[0]?.length, 32);
    t.equal(new Set(all.map((secret) => secret.toString('hex'))).size, 1);
  },
};

export function keyStoreContract(t: Test, open: Open): void {
  for (const [name, run] of Object.entries(CASES)) t.test(name, (t) => run(t, open));
}
