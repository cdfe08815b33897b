// Goal: a tenant that was given more than its quota waits until that is made up for, its receivers one after
// another, and nobody else does.
import t from 'tap';
import { DeliveryQuota } from '../../../../src/acceptor/delivery/delivery-quota.js';
import { ANYONE, type Principal } from '../../../../src/core/principal.js';
import { UNLIMITED } from '../../../../src/core/quotas.js';
import type { Tenant } from '../../../../src/core/topic-key.js';
import { TenantUse } from '../../../../src/tenant/tenant-use.js';
import { OTHER } from '../../../support/tenants/tenants.js';

interface Waiting {
  name: string;
  principal: Principal;
  isGone: boolean;
}

function receiver(name: string, principal = ANYONE): Waiting {
  return { name, principal, isGone: false };
}

/** One with a quota of 1,000 a second, of which 250 may be given on credit. */
function rig() {
  const use = new TenantUse(ANYONE.tenant);
  const none = () => ({ sessions: 0, subscriptions: 0 });
  use.change({ ...UNLIMITED, deliveriesPerS: 1_000 }, none);
  const uses = new Map<Tenant, TenantUse>([[ANYONE.tenant, use]]);
  const quota = new DeliveryQuota<Waiting>({ of: (tenant) => uses.get(tenant) });
  const lease = (tokens: number): void => {
    const [asked] = use.rateAsks();
    asked?.budget.granted(tokens);
  };
  return { quota, lease, uses };
}

const names = (all: Iterable<Waiting>): string[] => [...all].map(({ name }) => name);

t.test('who is given too much waits, and goes on when it was made up for', async (t) => {
  const { quota, lease } = rig();
  const [a, b, c] = [receiver('a'), receiver('b'), receiver('c')];
  t.equal(quota.holdsBack(a), false);
  quota.given(ANYONE.tenant, 249);
  t.equal(quota.isSpent(ANYONE.tenant), false);
  quota.given(ANYONE.tenant, 500);
  t.equal(quota.isSpent(ANYONE.tenant), true);
  for (const one of [a, b, c, a]) t.equal(quota.holdsBack(one), true);
  t.same(names(quota.resumed()), []);
  lease(700);
  t.same(names(quota.resumed()), [], 'it is not made up for');
  lease(140);
  t.same(names(quota.resumed()), ['a', 'b'], 'as many as pages of the 91 that are left');
  t.equal(quota.next(ANYONE.tenant), c, 'and the next one as these are served');
  t.equal(quota.next(ANYONE.tenant), null);
});

t.test('who has ended waits for nothing, and another tenant never does', async (t) => {
  const { quota, lease } = rig();
  quota.given(ANYONE.tenant, 10_000);
  quota.given(OTHER.tenant, 10_000);
  t.equal(quota.holdsBack(receiver('other', OTHER)), false);
  const [gone, here] = [receiver('gone'), receiver('here')];
  quota.holdsBack(gone);
  quota.holdsBack(here);
  gone.isGone = true;
  lease(10_500);
  t.same(names(quota.resumed()), ['here']);
});

t.test('a quota that is lifted lets all go on', async (t) => {
  const { quota, uses } = rig();
  quota.given(ANYONE.tenant, 10_000);
  const all = Array.from({ length: 500 }, (_, n) => receiver(String(n)));
  for (const one of all) quota.holdsBack(one);
  uses.clear();
  t.equal(names(quota.resumed()).length, 500);
});
