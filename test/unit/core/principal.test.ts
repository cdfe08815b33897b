// Goal: a principal names no topic that its key is not for, nothing of its whole tenant where the key is for
// some topics, and gives nobody more than it has.
import t from 'tap';
import type { KeyRight } from '../../../src/core/key-record.js';
import { namesRemembered } from '../../../src/core/keys-by-name.js';
import { ANYONE, NOBODY, Principal } from '../../../src/core/principal.js';
import { type NeededScope, SCOPES, type Scope } from '../../../src/core/scope.js';
import { asTenant, topicKey } from '../../../src/core/topic-key.js';

const ACME = asTenant('acme');
const FORBIDDEN = { code: 'forbidden' };

function principal(
  scopes: readonly Scope[],
  topics: readonly string[] | null = null,
  expiresAtMs: number | null = null,
): Principal {
  return new Principal(ACME, scopes, { topics, keyId: 'k', expiresAtMs });
}

t.test('keys of topics', async (t) => {
  const one = principal(['publish'], ['orders.*', 'audit']);
  t.equal(one.keyOf('orders.eu'), topicKey(ACME, 'orders.eu'));
  t.equal(one.keyOf('orders.eu'), topicKey(ACME, 'orders.eu'), 'once more');
  t.equal(one.keyOf('audit'), topicKey(ACME, 'audit'));
  for (const name of ['orders', 'audit.x', '', '__proto__', 'orders.']) {
    t.throws(() => one.keyOf(name), { ...FORBIDDEN, field: 'topic' }, name);
    t.throws(() => one.keyOf(name), FORBIDDEN, `${name} again`);
  }
  t.throws(() => one.whole(), FORBIDDEN);
  t.throws(() => one.within(null), FORBIDDEN);
  t.equal(one.within('audit'), topicKey(ACME, 'audit'));
  t.equal(one.tenantBelow('orders.'), ACME);
  for (const prefix of ['', 'o', 'orders', 'audit']) {
    t.throws(() => one.tenantBelow(prefix), { ...FORBIDDEN, field: 'prefix' });
  }
});

t.test('whoever is bound to no topics has the whole tenant, nobody has nothing', async (t) => {
  t.equal(principal(['publish']).whole(), ACME);
  t.equal(principal(['publish']).tenantBelow(''), ACME);
  for (let n = 0; n < 40_000; n++) ANYONE.keyOf(`n${n}`);
  t.equal(ANYONE.keyOf('n1'), topicKey(ANYONE.tenant, 'n1'), 'past what is remembered');
  t.throws(() => NOBODY.keyOf('a'), FORBIDDEN);
  t.throws(() => NOBODY.whole(), FORBIDDEN);
  for (const scope of SCOPES) t.notOk(NOBODY.may(scope));
  t.ok(NOBODY.may('anyone'));
});

t.test('what is remembered of names is bounded, whoever named them', async (t) => {
  const many = Array.from({ length: 100 }, () => principal(['publish']));
  for (let n = 0; n < 1_000; n++) for (const one of many) one.keyOf(`n${n}`);
  t.equal(namesRemembered() <= 32_768, true);
  t.ok(namesRemembered() > 1_000);
  for (const one of many) t.equal(one.keyOf('n1'), topicKey(ACME, 'n1'));
});

t.test('a missing scope is named', async (t) => {
  t.throws(() => principal(['publish']).check('subscribe'), { message: /scope subscribe/ });
  t.throws(() => principal(['publish']).check('manage or operate'), FORBIDDEN);
  principal(['operate']).check('manage or operate');
  principal(['manage']).check('manage or operate');
  principal(['operate']).check('subscribe or operate');
  t.throws(() => principal(['operate']).check('subscribe'), FORBIDDEN);
});

t.test(
  'what is needed is had with one of the scopes that do for it, and with no other',
  async (t) => {
    const enough: Record<NeededScope, readonly Scope[]> = {
      publish: ['publish'],
      subscribe: ['subscribe'],
      manage: ['manage'],
      operate: ['operate'],
      'publish or subscribe': ['publish', 'subscribe'],
      'subscribe or operate': ['subscribe', 'operate'],
      'manage or operate': ['manage', 'operate'],
      'any key': SCOPES,
      anyone: SCOPES,
    };
    for (const [needed, scopes] of Object.entries(enough) as [NeededScope, readonly Scope[]][]) {
      const having = SCOPES.filter((scope) => principal([scope]).may(needed));
      t.same(having, scopes, needed);
      const others = SCOPES.filter((scope) => !scopes.includes(scope));
      t.equal(principal(others).may(needed), needed === 'anyone', `${needed}: all others`);
    }
  },
);

t.test('nobody covers more than he has', async (t) => {
  const right = (more: Partial<KeyRight>): KeyRight => ({
    ...{ tenant: ACME, scopes: ['publish'], topics: null, expiresAtMs: null },
    ...more,
  });
  const whole = principal(['publish', 'manage']);
  t.ok(whole.covers(right({})));
  t.ok(whole.covers(right({ topics: ['a'], expiresAtMs: 1 })));
  t.notOk(whole.covers(right({ scopes: ['publish', 'subscribe'] })), 'another scope');
  t.notOk(whole.covers(right({ tenant: asTenant('other') })), 'another tenant');
  const bound = principal(['publish', 'manage'], ['orders.*'], 1_000);
  t.ok(bound.covers(right({ topics: ['orders.eu', 'orders.us.*'], expiresAtMs: 1_000 })));
  t.notOk(bound.covers(right({ topics: ['orders.eu'] })), 'without an end');
  t.notOk(bound.covers(right({ topics: ['orders.eu'], expiresAtMs: 1_001 })), 'a later end');
  t.notOk(bound.covers(right({ topics: ['orders.eu', 'x'], expiresAtMs: 1 })), 'another topic');
  t.notOk(bound.covers(right({ expiresAtMs: 1 })), 'all topics');
  const operator = principal(['operate']);
  t.ok(operator.covers(right({ tenant: asTenant('other'), scopes: SCOPES })));
  t.notOk(principal(['operate'], null, 5).covers(right({})), 'an operator for some time');
});
