// Goal: what an acceptor remembers of tokens is right and bounded: one that nodes made is looked at once
// and is good as long as its key is believed, no longer than it says, and for no more than its key may do
// by now; one of the operator's issuer is asked about once for all who come with it, and a bad one not
// again.
import t, { type Test } from 'tap';
import { digestOf, makeApiKey } from '../../../src/core/api-key.js';
import { RequestError } from '../../../src/core/errors.js';
import type { FoundKey } from '../../../src/core/key-record.js';
import type { Principal } from '../../../src/core/principal.js';
import { makeToken } from '../../../src/core/token.js';
import type { TokenRecord } from '../../../src/core/token-record.js';
import { asTenant } from '../../../src/core/topic-key.js';
import { ConfiguredKeys } from '../../../src/tenant/configured-keys.js';
import { Credentials } from '../../../src/tenant/credentials.js';
import { KeyCache } from '../../../src/tenant/key-cache.js';
import { TokenCache } from '../../../src/tenant/token-cache.js';
import { TokenMint } from '../../../src/tenant/token-mint.js';

const ACME = asTenant('acme');
const TTL_MS = 60_000;
const LIMITS = {
  ...{ keysCachedMax: 16, keyLookupsMax: 4, keyTtlS: TTL_MS / 1_000 },
  jwtRecheckS: 300,
};
const SECRET = Buffer.alloc(32, 7);
/** Looks like a JWT, and is no other. */
const jwt = (n: number): string => `eyJ${n}.e30.c2ln`;

type Outcome = Principal | RequestError;

interface Asked {
  text: string;
  answer: (record: TokenRecord | null) => void;
  refuse: (error: unknown) => void;
}

/** Time stands still; keys are found at once, tokens when it is said. */
class Rig {
  readonly found = new Map<string, FoundKey>();
  readonly asked: Asked[] = [];
  readonly faults: unknown[] = [];
  finds = 0;
  nowMs = 1_000;
  readonly keys: KeyCache;
  readonly tokens: TokenCache;
  readonly mint: TokenMint;
  readonly shown: Credentials;

  constructor(t: Test, issuer: 'some' | 'none' = 'some') {
    const clock = { now: () => this.nowMs, monotonic: () => this.nowMs, random: () => 0 };
    const given = { defaultApiKey: 'cdtt_given.key', adminApiKey: 'eyJ.looks.likeAToken' };
    const configured = new ConfiguredKeys(given);
    this.keys = new KeyCache({
      ...{ clock, limits: LIMITS, configured, onUsed: () => undefined, onOver: () => undefined },
      find: async (ids) => {
        this.finds++;
        return ids.flatMap((id) => this.found.get(id) ?? []);
      },
      onFault: (error) => void this.faults.push(error),
    });
    const check = (text: string): Promise<TokenRecord | null> =>
      new Promise((answer, refuse) => this.asked.push({ text, answer, refuse }));
    this.tokens = new TokenCache({
      ...{ clock, limits: LIMITS, keys: this.keys, secret: SECRET },
      check: issuer === 'some' ? check : null,
      onFault: (error) => void this.faults.push(error),
    });
    this.mint = new TokenMint({ clock, keys: this.keys, secret: SECRET });
    this.shown = new Credentials({ keys: this.keys, tokens: this.tokens, configured });
    t.teardown(() => {
      this.keys.close();
      this.tokens.close();
    });
  }

  makeKey(more: Partial<FoundKey> = {}): FoundKey {
    const { id, text } = makeApiKey();
    const right = { tenant: ACME, scopes: ['publish', 'subscribe'], topics: ['a.*'] } as const;
    const digest = digestOf(text).toString('hex');
    const key = { ...right, id, digest, expiresAtMs: null, leftMs: null, ...more };
    this.found.set(id, key);
    return key;
  }

  makeToken(keyId: string, ttlMs = 10_000): Promise<string> {
    const asked = { tenant: ACME, verbs: ['subscribe'], topics: ['a.b'], subject: 's' } as const;
    return this.mint.make(keyId, { ...asked, ttlMs }).then(({ token }) => token);
  }

  /** Waits for what comes by itself. */
  async show(text: string): Promise<Outcome | null> {
    const known = this.shown.known(text);
    if (known !== null) return known;
    let outcome: Outcome | null = null;
    this.shown.admit(text, (one) => {
      outcome = one;
    });
    await settled();
    return outcome;
  }

  pass(ms: number): void {
    this.nowMs += ms;
    this.keys.tick();
    this.tokens.sweep();
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function codeOf(outcome: Outcome | null): string {
  if (outcome === null) return 'waits';
  return outcome instanceof RequestError ? outcome.code : outcome.tenant;
}

const RECORD: TokenRecord = {
  tenant: ACME,
  verbs: ['subscribe'],
  topics: ['a.b'],
  subject: null,
  expiresAtMs: 31_000,
};

t.test('one that nodes made is known from then on, with its key looked up once', async (t) => {
  const rig = new Rig(t);
  const { id } = rig.makeKey();
  const token = await rig.makeToken(id);
  const outcome = await rig.show(token);
  if (outcome === null || outcome instanceof RequestError) throw new Error(codeOf(outcome));
  t.match(outcome, { tenant: ACME, keyId: id, expiresAtMs: 11_000, token: { subject: 's' } });
  t.same([...outcome.scopes], ['subscribe']);
  t.ok(outcome.reaches('a.b') && !outcome.reaches('a.c'));
  t.equal(rig.shown.known(token), outcome);
  t.equal(rig.finds, 1);
  t.equal(rig.asked.length, 0);
  rig.pass(10_000);
  t.equal(rig.shown.known(token), null);
  t.equal(codeOf(await rig.show(token)), 'unauthorized', 'it has run out');
  t.equal(rig.tokens.sizes.known, 0);
});

t.test('its key is asked for again when it changed, and its end is the end of it', async (t) => {
  const rig = new Rig(t);
  const { id } = rig.makeKey();
  const token = await rig.makeToken(id, TTL_MS * 100);
  t.equal(codeOf(await rig.show(token)), 'acme');
  rig.keys.changed([id]);
  t.equal(rig.shown.known(token), null, 'while it is not known');
  await settled();
  t.equal(codeOf(await rig.show(token)), 'acme');
  rig.found.delete(id);
  rig.keys.changed([id]);
  await settled();
  t.equal(rig.shown.known(token), null);
  t.equal(codeOf(await rig.show(token)), 'unauthorized');
});

t.test('a key that is forgotten, since nobody used it, is looked up for its token', async (t) => {
  const rig = new Rig(t);
  const { id } = rig.makeKey();
  const token = await rig.makeToken(id, TTL_MS * 100);
  t.equal(codeOf(await rig.show(token)), 'acme');
  rig.pass(TTL_MS * 3);
  rig.pass(TTL_MS * 3);
  await settled();
  t.equal(rig.keys.sizes.known, 0);
  t.equal(rig.shown.known(token), null, 'nobody would tell of its end');
  t.equal(codeOf(await rig.show(token)), 'acme');
});

t.test('a key that gives way to others takes its tokens along', async (t) => {
  const rig = new Rig(t);
  const token = await rig.makeToken(rig.makeKey().id, TTL_MS * 100);
  t.equal(codeOf(await rig.show(token)), 'acme');
  for (let n = 0; n < 20; n++) await rig.makeToken(rig.makeKey().id);
  t.equal(rig.keys.sizes.known, LIMITS.keysCachedMax);
  t.equal(rig.shown.known(token), null, 'nobody would tell of its end');
  t.equal(codeOf(await rig.show(token)), 'acme');
});

t.test('one with sessions is looked up again and again, as its key is', async (t) => {
  const rig = new Rig(t);
  const { id } = rig.makeKey();
  const outcome = await rig.show(await rig.makeToken(id, TTL_MS * 100));
  if (outcome === null || outcome instanceof RequestError) throw new Error(codeOf(outcome));
  outcome.gained();
  for (let n = 0; n < 10; n++) {
    rig.pass(TTL_MS / 2);
    await settled();
  }
  t.equal(rig.keys.sizes.known, 1);
  t.ok(rig.finds > 5);
  outcome.lost();
  t.equal(outcome.token?.issuer?.receivers, 0);
});

t.test('what its key may do no more it may not, either', async (t) => {
  const rig = new Rig(t);
  const key = rig.makeKey();
  const token = await rig.makeToken(key.id, TTL_MS * 100);
  t.equal(codeOf(await rig.show(token)), 'acme');
  for (const less of [{ scopes: ['publish'] }, { topics: ['a.c'] }, { tenant: asTenant('b') }]) {
    rig.found.set(key.id, { ...key, ...(less as Partial<FoundKey>) });
    rig.keys.changed([key.id]);
    await settled();
    t.equal(codeOf(await rig.show(token)), 'unauthorized', Object.keys(less).join());
  }
  rig.found.set(key.id, { ...key, scopes: ['subscribe', 'manage'], topics: null });
  rig.keys.changed([key.id]);
  await settled();
  t.equal(codeOf(await rig.show(token)), 'acme', 'with more it may what it might');
});

t.test(
  'one of a configured key is good where that key is configured, and is the same',
  async (t) => {
    const rig = new Rig(t);
    const token = await rig.makeToken('DEFAULT_API_KEY');
    t.equal(codeOf(await rig.show(token)), 'unauthorized', 'the key is of another tenant');
    const asked = { tenant: asTenant('default'), verbs: ['subscribe'], topics: null } as const;
    const made = await rig.mint.make('DEFAULT_API_KEY', { ...asked, subject: null, ttlMs: 10_000 });
    t.equal(codeOf(await rig.show(made.token)), 'default');
    const of = { ...made.record, key: 'DEFAULT_API_KEY' };
    const other = makeToken(of, { secret: SECRET, digest: digestOf('another key') });
    t.equal(codeOf(await rig.show(other)), 'unauthorized');
    t.equal(rig.finds, 0);
  },
);

t.test('what is configured as a key is one, whatever it looks like', async (t) => {
  const rig = new Rig(t);
  t.equal(codeOf(await rig.show('cdtt_given.key')), 'default');
  const operator = await rig.show('eyJ.looks.likeAToken');
  t.ok(operator !== null && !(operator instanceof RequestError) && operator.may('operate'));
  t.equal(rig.asked.length, 0);
});

t.test('one of the issuer is asked about once, whoever comes with it', async (t) => {
  const rig = new Rig(t);
  const outcomes: Outcome[] = [];
  for (let n = 0; n < 3; n++) rig.shown.admit(jwt(1), (outcome) => outcomes.push(outcome));
  t.equal(rig.asked.length, 1);
  t.equal(rig.tokens.sizes.waiting, 3);
  rig.asked[0]?.answer(RECORD);
  await settled();
  t.same(outcomes.map(codeOf), ['acme', 'acme', 'acme']);
  t.equal(rig.tokens.sizes.waiting, 0);
  t.equal(rig.shown.known(jwt(1)), outcomes[0]);
  rig.pass(30_000);
  t.equal(rig.shown.known(jwt(1)), null, 'it has run out');
});

t.test('one of the issuer is checked again after five minutes, whenever it ends', async (t) => {
  const rig = new Rig(t);
  const long = { ...RECORD, expiresAtMs: 10_000_000 };
  const first = rig.show(jwt(1));
  rig.asked[0]?.answer(long);
  await first;
  rig.pass(299_999);
  t.not(rig.shown.known(jwt(1)), null);
  rig.pass(1);
  t.equal(rig.shown.known(jwt(1)), null);
  t.equal(rig.tokens.sizes.known, 0);
  const outcomes: string[] = [];
  rig.shown.admit(jwt(1), (outcome) => outcomes.push(codeOf(outcome)));
  t.equal(rig.asked.length, 2);
  rig.asked[1]?.answer(long);
  await settled();
  t.not(rig.shown.known(jwt(1)), null, 'it is good still');
  rig.pass(300_000);
  rig.shown.admit(jwt(1), (outcome) => outcomes.push(codeOf(outcome)));
  rig.asked[2]?.answer(null);
  await settled();
  t.same(outcomes, ['acme', 'unauthorized'], 'its issuer has given up the key');
});

t.test('one of the issuer that has something open is checked again, and ends it', async (t) => {
  const rig = new Rig(t);
  const long = { ...RECORD, expiresAtMs: 10_000_000 };
  const first = rig.show(jwt(1));
  rig.asked[0]?.answer(long);
  const outcome = await first;
  if (outcome === null || outcome instanceof RequestError) throw new Error(codeOf(outcome));
  const ends = (): number => (outcome.token?.endMs ?? 0) - rig.nowMs;
  outcome.gained();
  rig.pass(300_000);
  t.equal(rig.asked.length, 2, 'nobody came with it');
  rig.pass(5_000);
  t.equal(rig.asked.length, 2, 'once at a time');
  rig.asked[1]?.answer(long);
  await settled();
  t.equal(rig.shown.known(jwt(1)), outcome, 'it is the same for all who come with it');
  rig.pass(300_000);
  rig.asked[2]?.refuse(new RequestError('busy', 'the keys of the issuer cannot be had'));
  await settled();
  t.ok(ends() > 0, 'what cannot be checked goes on');
  rig.pass(5_000);
  t.equal(rig.asked.length, 4, 'and is checked again');
  rig.asked[3]?.answer(null);
  await settled();
  t.ok(ends() <= 0, 'its issuer has given up the key');
  t.equal(codeOf(await rig.show(jwt(1))), 'unauthorized');
});

t.test('tokens of what is open are kept at the bound, and checked a few at a time', async (t) => {
  const rig = new Rig(t);
  const long = { ...RECORD, expiresAtMs: 10_000_000 };
  for (let n = 0; n < 40; n++) {
    const shown = rig.show(jwt(n));
    rig.asked.at(-1)?.answer(long);
    const outcome = await shown;
    if (outcome === null || outcome instanceof RequestError) throw new Error(codeOf(outcome));
    if (n < 10) outcome.gained();
  }
  t.equal(rig.tokens.sizes.known, LIMITS.keysCachedMax);
  for (let n = 0; n < 10; n++) t.not(rig.shown.known(jwt(n)), null, `${n}`);
  rig.pass(300_000);
  const texts = (): string[] => rig.asked.slice(40).map(({ text }) => text);
  t.equal(texts().length, 4);
  for (let n = 40; n < 50; n++) {
    rig.asked[n]?.answer(long);
    await settled();
  }
  t.same(
    texts().sort(),
    Array.from({ length: 10 }, (_, n) => jwt(n)),
    'each once',
  );
});

t.test('a bad one is remembered for a while; what could not be found out is not', async (t) => {
  const rig = new Rig(t);
  const waiting = rig.show(jwt(1));
  rig.asked[0]?.answer(null);
  await waiting;
  t.equal(codeOf(await rig.show(jwt(1))), 'unauthorized');
  t.equal(rig.asked.length, 1);
  rig.pass(10_000);
  await rig.show(jwt(1));
  t.equal(rig.asked.length, 2, 'it may be good by now');
  const codes: string[] = [];
  rig.shown.admit(jwt(2), (outcome) => codes.push(codeOf(outcome)));
  rig.asked[2]?.refuse(new RequestError('busy', 'the keys of the issuer cannot be had'));
  await settled();
  rig.shown.admit(jwt(2), (outcome) => codes.push(codeOf(outcome)));
  rig.asked[3]?.refuse(new Error('a bug'));
  await settled();
  t.same(codes, ['busy', 'internal']);
  t.match(rig.faults, [{ message: 'a bug' }]);
});

t.test('how many wait, and how many are remembered, is bounded', async (t) => {
  const rig = new Rig(t);
  const outcomes: string[] = [];
  for (let n = 0; n < 6; n++) rig.shown.admit(jwt(n), (one) => outcomes.push(codeOf(one)));
  t.same(outcomes, ['busy', 'busy']);
  for (const { answer } of rig.asked) answer(RECORD);
  await settled();
  for (let n = 10; n < 40; n++) {
    rig.shown.admit(jwt(n), () => undefined);
    rig.asked.at(-1)?.answer(RECORD);
    await settled();
  }
  t.equal(rig.tokens.sizes.known, LIMITS.keysCachedMax);
  t.equal(rig.shown.known(jwt(0)), null);
  t.not(rig.shown.known(jwt(39)), null);
});

t.test('without an issuer nobody is asked', async (t) => {
  const rig = new Rig(t, 'none');
  t.equal(codeOf(await rig.show(jwt(1))), 'unauthorized');
  t.equal(rig.asked.length, 0);
});
