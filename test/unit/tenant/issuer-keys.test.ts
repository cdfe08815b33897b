// Goal: the keys of the operator's issuer are read as seldom as they may be and as often as they must:
// once for all who wait, again in the background when they are old, for a key that is not among them once
// in so long; while they cannot be read those that are known go on for an hour, and not longer.
import t, { type Test } from 'tap';
import { eventually } from '../../../native-bench/rig/eventually.js';
import { IssuerKeys } from '../../../src/tenant/issuer-keys.js';
import { makeSigningKey } from '../../support/servers/issuer.js';

const REFETCH_MS = 10_000;
const MINUTE_MS = 60_000;
const one = await makeSigningKey('EdDSA', 'one');
const two = await makeSigningKey('RS256', 'two');

class Rig {
  nowMs = 1_000;
  loads = 0;
  text = JSON.stringify({ keys: [one.open, two.open] });
  isAway = false;
  readonly troubles: string[] = [];
  readonly keys: IssuerKeys;

  constructor(freshMs = 5 * MINUTE_MS) {
    this.keys = new IssuerKeys({
      clock: { now: () => 0, monotonic: () => this.nowMs, random: () => 0 },
      refetchMs: REFETCH_MS,
      freshMs,
      load: async () => {
        this.loads++;
        if (this.isAway) throw new Error('answered 500');
        return this.text;
      },
      onTrouble: (why) => void this.troubles.push(why),
    });
  }

  async has(alg: string, kid?: string): Promise<string> {
    const found = this.keys.find(alg, kid);
    return found.then(
      (key) => (key === null ? 'no' : 'yes'),
      (error: { code: string }) => error.code,
    );
  }
}

async function opened(t: Test, rig = new Rig()): Promise<Rig> {
  t.teardown(() => rig.keys.close());
  await rig.keys.first();
  t.equal(rig.loads, 1);
  return rig;
}

t.test('the set is read again by the clock, though nobody asks', async (t) => {
  const rig = new Rig(20);
  t.teardown(() => rig.keys.close());
  await rig.keys.first();
  rig.nowMs += REFETCH_MS;
  await eventually(() => rig.loads > 1);
});

t.test('a key is found by its id and its algorithm, or where it is the only one', async (t) => {
  const rig = await opened(t);
  t.equal(await rig.has('EdDSA', 'one'), 'yes');
  t.equal(await rig.has('RS256', 'two'), 'yes');
  t.equal(await rig.has('RS256'), 'yes');
  t.equal(await rig.has('RS256', 'one'), 'no', 'it is for one algorithm');
  t.equal(await rig.has('HS256', 'two'), 'no');
  t.equal(await rig.has('none', 'two'), 'no');
  rig.text = JSON.stringify({ keys: [one.open, { ...one.open, kid: 'other' }] });
  rig.nowMs += REFETCH_MS;
  t.equal(await rig.has('EdDSA', 'other'), 'yes');
  t.equal(await rig.has('EdDSA'), 'no', 'which of the two is not said');
});

t.test(
  'for a key that is not there the set is read once in so long, for all who wait',
  async (t) => {
    const rig = await opened(t);
    t.equal(await rig.has('EdDSA', 'three'), 'no');
    t.equal(rig.loads, 1, 'not yet');
    rig.nowMs += REFETCH_MS;
    const many = Array.from({ length: 50 }, (_, n) => rig.has('EdDSA', `made-up-${n}`));
    t.same(new Set(await Promise.all(many)), new Set(['no']));
    t.equal(rig.loads, 2);
  },
);

t.test('those who come before the set was read wait for it', async (t) => {
  const rig = new Rig();
  const first = rig.keys.first();
  t.equal(await rig.has('EdDSA', 'one'), 'yes');
  await first;
  t.equal(rig.loads, 1);
});

t.test('an old set is read again behind the back of whoever asks', async (t) => {
  const rig = await opened(t);
  rig.text = JSON.stringify({ keys: [two.open] });
  rig.nowMs += 5 * MINUTE_MS + 1;
  t.equal(await rig.has('EdDSA', 'one'), 'yes', 'as it was known');
  t.equal(rig.loads, 2);
  await eventually(async () => (await rig.has('EdDSA', 'one')) === 'no');
  t.equal(rig.loads, 2);
});

t.test('while it cannot be read, what is known is good for an hour', async (t) => {
  const rig = await opened(t);
  rig.isAway = true;
  for (let minute = 1; minute < 60; minute++) {
    rig.nowMs += MINUTE_MS;
    t.equal(await rig.has('EdDSA', 'one'), 'yes');
  }
  t.ok(rig.loads <= 60);
  t.ok(rig.troubles.length > 0 && rig.troubles.length <= 60);
  t.match(rig.troubles[0], 'answered 500');
  rig.nowMs += 2 * MINUTE_MS;
  t.equal(await rig.has('EdDSA', 'one'), 'busy', 'which key was given up is not known any more');
  rig.isAway = false;
  t.equal(await rig.has('EdDSA', 'one'), 'busy', 'within JWKS_REFETCH_S');
  rig.nowMs += REFETCH_MS;
  t.equal(await rig.has('EdDSA', 'one'), 'yes');
});

t.test('what cannot be used of a set is passed over, what is no set changes nothing', async (t) => {
  const rig = await opened(t);
  const odd = [
    1,
    null,
    {},
    { ...one.open, kid: 'enc', use: 'enc' },
    { ...two.open, kid: 'other', alg: 'RS512' },
    { kty: 'oct', kid: 'secret', k: 'c2VjcmV0', alg: 'HS256' },
    { ...one.open, kid: 'x', x: '' },
    { kty: 'RSA', kid: 'weak', n: Buffer.alloc(128, 255).toString('base64url'), e: 'AQAB' },
  ];
  rig.text = JSON.stringify({ keys: [...odd, one.open] });
  rig.nowMs += REFETCH_MS;
  for (const kid of ['enc', 'other', 'secret', 'x', 'weak']) {
    for (const alg of ['EdDSA', 'RS256', 'HS256']) t.equal(await rig.has(alg, kid), 'no', kid);
  }
  t.equal(await rig.has('RS256', 'two'), 'no', 'it is not in it any more');
  t.equal(await rig.has('EdDSA', 'one'), 'yes');
  for (const text of [
    '',
    '[]',
    'null',
    '{"keys":{}}',
    JSON.stringify({ keys: Array(65).fill({}) }),
  ]) {
    rig.text = text;
    rig.nowMs += REFETCH_MS;
    t.equal(await rig.has('EdDSA', 'unknown'), 'no');
    t.equal(await rig.has('EdDSA', 'one'), 'yes', text.slice(0, 12));
  }
});
