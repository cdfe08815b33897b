import fc from 'fast-check';
import t from 'tap';
import { ANYONE, Principal } from '../../../src/core/principal.js';
import { SCOPES } from '../../../src/core/scope.js';
import {
  asTenant,
  type Tenant,
  type TopicKey,
  tenantOf,
  topicKey,
  topicNameOf,
  topicNameWithin,
} from '../../../src/core/topic-key.js';

const tenantName = fc.string({ minLength: 1 }).filter((text) => !text.includes('\0'));

t.test('a key gives back the tenant and the name it was made of, whatever they are', async () => {
  fc.assert(
    fc.property(tenantName, fc.string({ unit: 'binary' }), (tenant, name) => {
      const key = topicKey(asTenant(tenant), name);
      return tenantOf(key) === tenant && topicNameOf(key) === name && topicNameWithin(key) === name;
    }),
  );
});

t.test('no two pairs of tenant and name make the same key', async () => {
  const pair = fc.tuple(tenantName, fc.string({ unit: 'binary' }));
  fc.assert(
    fc.property(pair, pair, ([a, x], [b, y]) => {
      const same = topicKey(asTenant(a), x) === topicKey(asTenant(b), y);
      return same === (a === b && x === y);
    }),
  );
});

t.test('a tenant alone means all of its topics', async (t) => {
  const acme = asTenant('acme');
  t.equal(tenantOf(acme), 'acme');
  t.equal(topicNameWithin(acme), null);
});

t.test('what could be taken for a key, or for nobody, is no tenant', async (t) => {
  for (const name of ['', 'a\0b', '\0']) t.throws(() => asTenant(name));
});

t.test('a name, a tenant and a key are three types to the compiler', async (t) => {
  const takesKey = (key: TopicKey): TopicKey => key;
  const takesTenant = (tenant: Tenant): Tenant => tenant;
  // @ts-expect-error: a name has no tenant.
  takesKey('orders');
  // @ts-expect-error: a tenant is no topic.
  takesKey(asTenant('acme'));
  // @ts-expect-error: any text is not a tenant.
  takesTenant('acme');
  // @ts-expect-error: a key is not a tenant.
  takesTenant(topicKey(asTenant('acme'), 'orders'));
  // @ts-expect-error: whose topic it is must be a tenant, and not any text.
  topicKey('acme', 'orders');
  // @ts-expect-error: without a tenant no key is made.
  topicKey('orders');
  t.equal(takesKey(topicKey(asTenant('acme'), 'orders')), 'acme\0orders');
});

t.test('a principal names topics of its own tenant only, whatever it asks for', async (t) => {
  const acme = new Principal(asTenant('acme'), ['publish']);
  const other = new Principal(asTenant('other'), SCOPES);
  for (const name of ['orders', 'other\0orders', '', '../other']) {
    t.equal(tenantOf(acme.keyOf(name)), 'acme');
    t.not(acme.keyOf(name), other.keyOf(name));
    t.equal(acme.keyOf(name), acme.keyOf(name));
  }
});

t.test('a principal that has named very many topics still knows each', async (t) => {
  const acme = new Principal(asTenant('acme'), SCOPES);
  for (let i = 0; i < 40_000; i++) {
    if (topicNameOf(acme.keyOf(`t.${i}`)) !== `t.${i}`) t.fail(`t.${i}`);
  }
  t.equal(acme.keyOf('t.0'), topicKey(asTenant('acme'), 't.0'));
});

t.test('whoever calls may do all that there is, in one tenant', async (t) => {
  t.equal(ANYONE.tenant, 'default');
  t.same([...ANYONE.scopes], [...SCOPES]);
});
