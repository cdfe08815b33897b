// Goal: webhooks are kept alike in memory and in PostgreSQL: what was put, by whom, how many, which secrets;
// and nobody changes another's, or one that was put again since he looked.
import type { Test } from 'tap';
import { asTenant } from '../../src/core/topic-key.js';
import type { WebhookPlace } from '../../src/core/webhook-record.js';
import type { NewWebhook, WebhookLimits, WebhookStore } from '../../src/tenant/webhook-store.js';

export const WEBHOOK_LIMITS: WebhookLimits = { webhooksMax: 6, webhooksPerTenantMax: 4 };

export interface OpenWebhooks {
  store: WebhookStore;
  /** How often it was said that something changed. */
  changes: () => number;
  changed: (since: number) => Promise<void>;
}

/** With the tenants `default` and `other`, and no webhook. */
type Open = (t: Test) => Promise<OpenWebhooks>;

const OWN = asTenant('default');
const OTHER = asTenant('other');
const KEY = Buffer.alloc(24, 1).toString('base64');
const KEY_2 = Buffer.alloc(24, 2).toString('base64');
let versions = 0;

const place = (name = 'hook', tenant = OWN): WebhookPlace => ({ tenant, topic: 'orders', name });

function webhook(more: Partial<NewWebhook> = {}): NewWebhook {
  return {
    version: `00000000-0000-4000-8000-${String(++versions).padStart(12, '0')}`,
    ...{ url: 'https://example.com/hook', concurrency: 8, timeoutMs: 5_000, ackWaitMs: 10_000 },
    ...{ format: 'payload', maxDeliver: null, ordering: 'none', key: null, overlapMs: 60_000 },
    start: { from: 'sequence', sequence: 7, epoch: 'e1' },
    ...more,
  };
}

const CASES: Readonly<Record<string, (t: Test, open: Open) => Promise<void>>> = {
  'what was put is there, and is told of': async (t, open) => {
    const { store, changes, changed } = await open(t);
    t.equal(await store.get(place()), null);
    const before = changes();
    const asked = webhook({
      maxDeliver: 3,
      ordering: 'key',
      format: 'cloudevents',
      start: { from: 'time', timeMs: 5 },
    });
    const { record, newKey } = await store.put(place(), asked);
    t.equal(Buffer.from(newKey ?? '', 'base64').length, 32, 'made');
    const { key: _, overlapMs: __, ...settings } = asked;
    t.match(record, { ...place(), ...settings, disabled: null });
    t.same(record.secrets, [{ key: newKey, untilMs: null }]);
    t.ok(Math.abs(record.createdAtMs - Date.now()) < 60_000);
    t.same(await store.get(place()), record);
    t.same(await store.all(), [record]);
    await changed(before);
  },
  'put again it is another version with the secret that it had': async (t, open) => {
    const { store } = await open(t);
    const first = await store.put(place(), webhook());
    const again = await store.put(place(), webhook({ url: 'http://example.com/2' }));
    t.equal(again.newKey, null);
    t.same(again.record.secrets, first.record.secrets);
    t.not(again.record.version, first.record.version);
    t.equal(again.record.createdAtMs, first.record.createdAtMs);
    t.equal((await store.all()).length, 1);
  },
  'a new secret stands beside the one before until its time is over': async (t, open) => {
    const { store } = await open(t);
    await store.put(place(), webhook({ key: KEY }));
    const { record, newKey } = await store.put(place(), webhook({ key: KEY_2 }));
    t.equal(newKey, KEY_2);
    t.match(record.secrets, [{ key: KEY_2, untilMs: null }, { key: KEY }]);
    t.ok(Math.abs((record.secrets[1]?.untilMs ?? 0) - Date.now() - 60_000) < 30_000);
    const same = await store.put(place(), webhook({ key: KEY_2 }));
    t.equal(same.newKey, null, 'it is the one that there is');
    t.equal(same.record.secrets.length, 2);
    const last = await store.put(place(), webhook({ key: KEY, overlapMs: 0 }));
    t.same(last.record.secrets, [{ key: KEY, untilMs: null }]);
  },
  'what is disabled says why, and is enabled by a put': async (t, open) => {
    const { store } = await open(t);
    const first = (await store.put(place(), webhook())).record;
    const second = (await store.put(place(), webhook())).record;
    t.equal(await store.disable(place(), first.version, 'gone'), false, 'it was put again since');
    t.equal((await store.get(place()))?.disabled, null);
    t.equal(await store.disable(place(), second.version, 'gone'), true);
    t.equal(await store.disable(place(), second.version, 'gone'), false, 'once');
    t.match(await store.get(place()), { disabled: { reason: 'gone' }, version: second.version });
    t.equal((await store.put(place(), webhook())).record.disabled, null);
  },
  'it is removed, unless it is another one by now; a topic takes all of its along': async (
    t,
    open,
  ) => {
    const { store, changes, changed } = await open(t);
    const { version } = (await store.put(place(), webhook())).record;
    await store.put(place(), webhook());
    t.equal(await store.remove(place(), version), false);
    const before = changes();
    t.equal(await store.remove(place(), null), true);
    await changed(before);
    t.equal(await store.remove(place(), null), false);
    await store.put(place('a'), webhook());
    await store.put(place('b'), webhook());
    await store.put({ ...place('a'), topic: 'more' }, webhook());
    await store.removeTopic({ tenant: OWN, topic: 'orders' });
    t.match(await store.all(), [{ topic: 'more' }]);
  },
  'there is room for so many of a tenant, and of all': async (t, open) => {
    const { store } = await open(t);
    for (const name of ['a', 'b', 'c', 'd']) await store.put(place(name), webhook());
    const ofTenant = { code: 'webhook_limit', message: /WEBHOOKS_PER_TENANT_MAX \(4\)/ };
    await t.rejects(store.put(place('e'), webhook()), ofTenant);
    await store.put(place('d'), webhook());
    await store.put(place('a', OTHER), webhook());
    await store.put(place('b', OTHER), webhook());
    const ofAll = { code: 'webhook_limit', message: /WEBHOOKS_MAX \(6\)/ };
    await t.rejects(store.put(place('c', OTHER), webhook()), ofAll);
  },
  'tenants: nobody sees, changes or removes another one': async (t, open) => {
    const { store } = await open(t);
    const own = (await store.put(place(), webhook({ key: KEY }))).record;
    t.equal(await store.get(place('hook', OTHER)), null);
    t.equal(await store.remove(place('hook', OTHER), null), false);
    t.equal(await store.remove(place('hook', OTHER), own.version), false);
    t.equal(await store.disable(place('hook', OTHER), own.version, 'gone'), false);
    await store.removeTopic({ tenant: OTHER, topic: 'orders' });
    t.same(await store.get(place()), own);
    const theirs = (await store.put(place('hook', OTHER), webhook({ key: KEY_2 }))).record;
    t.same(theirs.secrets, [{ key: KEY_2, untilMs: null }], 'with no secret of ours');
    t.same(await store.get(place()), own);
    t.equal(await store.remove(place(), null), true);
    t.same(await store.all(), [theirs]);
  },
};

export function webhookStoreContract(t: Test, open: Open): void {
  for (const [name, run] of Object.entries(CASES)) t.test(name, (t) => run(t, open));
}
