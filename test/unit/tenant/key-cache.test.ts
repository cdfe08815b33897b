// Goal: what an acceptor remembers of keys is right and bounded: one look-up for all who come with a key,
// few questions, none for what cannot be a key; what was revoked is not believed, whatever answers are
// under way when it is told; and while nobody answers, known keys go on for KEY_TTL_S and no longer.
import t, { type Test } from 'tap';
import { digestOf, type MadeKey, makeApiKey, makeLogin } from '../../../src/core/api-key.js';
import { RequestError } from '../../../src/core/errors.js';
import type { FoundKey } from '../../../src/core/key-record.js';
import type { Principal } from '../../../src/core/principal.js';
import { asTenant } from '../../../src/core/topic-key.js';
import { ConfiguredKeys } from '../../../src/tenant/configured-keys.js';
import { KeyCache } from '../../../src/tenant/key-cache.js';

const ACME = asTenant('acme');
const TTL_MS = 60_000;
const LIMITS = { keysCachedMax: 16, keyLookupsMax: 8, keyTtlS: TTL_MS / 1_000 };

interface Question {
  ids: readonly string[];
  answer: () => void;
  refuse: (error: unknown) => void;
}

/** A cache whose time stands still, and a directory that answers when it is told to. */
class Rig {
  readonly keys = new Map<string, FoundKey>();
  readonly questions: Question[] = [];
  readonly over: string[] = [];
  readonly used: string[][] = [];
  readonly faults: unknown[] = [];
  asked = 0;
  nowMs = 1_000;
  readonly cache: KeyCache;

  constructor(t: Test, limits: Partial<typeof LIMITS> = {}) {
    const clock = { now: () => 0, monotonic: () => this.nowMs, random: () => 0 };
    this.cache = new KeyCache({
      ...{ clock, limits: { ...LIMITS, ...limits } },
      configured: new ConfiguredKeys({ defaultApiKey: 'cdt_given', adminApiKey: 'admin' }),
      find: (ids) => this.#find(ids),
      onUsed: (ids) => void this.used.push([...ids]),
      onOver: (id) => void this.over.push(id),
      onFault: (error) => void this.faults.push(error),
    });
    t.teardown(() => this.cache.close());
  }

  make(more: Partial<FoundKey> = {}): MadeKey {
    const made = makeApiKey();
    const right = { tenant: ACME, scopes: ['publish'], topics: null, expiresAtMs: null } as const;
    const digest = digestOf(made.text).toString('hex');
    this.keys.set(made.id, { ...right, id: made.id, digest, leftMs: null, ...more });
    return made;
  }

  /** What it comes to; null while it waits. */
  show(text: string): { outcome: Principal | RequestError | null; times: number } {
    const shown: { outcome: Principal | RequestError | null; times: number } = {
      outcome: this.cache.known(text),
      times: 0,
    };
    if (shown.outcome !== null) return shown;
    this.cache.admit(text, (outcome) => {
      shown.outcome = outcome;
      shown.times++;
    });
    return shown;
  }

  codeOf({ outcome }: { outcome: Principal | RequestError | null }): string {
    if (outcome === null) return 'waits';
    return outcome instanceof RequestError ? outcome.code : outcome.tenant;
  }

  /** Answers all that is asked, and what is asked for that. */
  async answer(): Promise<void> {
    for (;;) {
      await settled();
      const questions = this.questions.splice(0);
      if (questions.length === 0) return;
      for (const question of questions) question.answer();
    }
  }

  /** Shows it and has it answered. */
  async seen(text: string): Promise<string> {
    const shown = this.show(text);
    await this.answer();
    return this.codeOf(shown);
  }

  pass(ms: number): void {
    this.nowMs += ms;
    this.cache.tick();
  }

  #find(ids: readonly string[]): Promise<FoundKey[]> {
    this.asked++;
    // As it is when it is asked: the answer may come late.
    const found = ids.flatMap((id) => this.keys.get(id) ?? []);
    return new Promise((resolve, refuse) => {
      this.questions.push({ ids, refuse, answer: () => resolve(found) });
    });
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function away(): RequestError {
  return new RequestError('log_unavailable', 'the log cannot be reached');
}

t.test('a first-seen key is looked up once, whoever comes with it', async (t) => {
  const rig = new Rig(t);
  const { text } = rig.make();
  const all = [rig.show(text), rig.show(text), rig.show(text)];
  await settled();
  all.push(rig.show(text));
  await rig.answer();
  t.same(
    all.map((shown) => rig.codeOf(shown)),
    ['acme', 'acme', 'acme', 'acme'],
  );
  t.same(
    all.map(({ times }) => times),
    [1, 1, 1, 1],
  );
  t.equal(rig.asked, 1);
  t.equal(rig.cache.known(text), all[0]?.outcome, 'and is known from then on');
  t.equal(rig.asked, 1);
});

t.test(
  'a login is one more key, which is gone when it is gone; its key is what is used',
  async (t) => {
    const rig = new Rig(t);
    const [key, login] = [rig.make(), makeLogin()];
    const right = { tenant: ACME, scopes: ['publish'], topics: null, expiresAtMs: null } as const;
    const digest = digestOf(login.text).toString('hex');
    rig.keys.set(login.id, { ...right, id: login.id, digest, leftMs: null, loginOf: key.id });
    const shown = rig.show(login.text);
    await rig.answer();
    t.match(shown.outcome, { keyId: key.id, loginId: login.id, tenant: ACME });
    rig.pass(1);
    t.same(rig.used, [[key.id]]);
    t.equal(await rig.seen(makeLogin().text), 'unauthorized');
    rig.keys.delete(login.id);
    rig.cache.changed([login.id]);
    await rig.answer();
    t.same(rig.over, [login.id]);
    t.equal(await rig.seen(login.text), 'unauthorized');
  },
);

t.test('what cannot be a key, or is the wrong one, is refused without a look-up', async (t) => {
  const rig = new Rig(t);
  const { text } = rig.make();
  for (const other of ['x', 'cdt_', 'cdt_given2', `${text.slice(0, -1)}!`, '__proto__', '\0']) {
    t.equal(await rig.seen(other), 'unauthorized', other);
  }
  t.equal(rig.asked, 0);
  const { id } = rig.make();
  const forged = makeApiKey();
  rig.keys.set(forged.id, { ...(rig.keys.get(id) as FoundKey), id: forged.id });
  t.equal(await rig.seen(forged.text), 'unauthorized', 'of an id that is there, not its secret');
  t.equal(await rig.seen(forged.text), 'unauthorized');
  t.equal(rig.asked, 1, 'the digest is remembered');
  t.equal(rig.cache.known(forged.text), null);
  rig.pass(1_000);
  t.same(rig.used, [], 'and counts as no use of it');
});

t.test('configured keys are compared whole, whatever they look like', async (t) => {
  const rig = new Rig(t);
  for (const text of ['cdt_given', 'admin']) t.equal(rig.codeOf(rig.show(text)), 'default');
  rig.pass(10 * TTL_MS);
  t.ok(rig.cache.known('cdt_given')?.may('manage'));
  t.notOk(rig.cache.known('cdt_given')?.may('operate'));
  t.same([...(rig.cache.known('admin')?.scopes ?? [])], ['operate']);
  for (const text of ['cdt_give', 'cdt_givenx', 'Admin', '']) {
    t.equal(rig.codeOf(rig.show(text)), 'unauthorized', text);
  }
  t.equal(rig.asked, 0);
});

t.test('an id that is not there is remembered for a while, and no more than some', async (t) => {
  const rig = new Rig(t, { keyLookupsMax: 65_536 });
  const { text, id } = makeApiKey();
  t.equal(await rig.seen(text), 'unauthorized');
  t.equal(await rig.seen(text), 'unauthorized');
  t.equal(rig.asked, 1);
  rig.cache.changed([id]);
  await rig.seen(text);
  t.equal(rig.asked, 2, 'told of it, it looks again');
  rig.pass(10_000);
  await rig.seen(text);
  t.equal(rig.asked, 3, 'and after ten seconds');
  for (let n = 0; n < 20_000; n++) rig.show(makeApiKey().text);
  await rig.answer();
  t.same(rig.cache.sizes, { known: 0, texts: 0, absent: 16_384, waiters: 0 });
  t.ok(rig.asked <= 3 + 20_000 / 256 + 2, 'many ids in one question');
});

t.test('those who wait are bounded, and so is what is asked at a time', async (t) => {
  const rig = new Rig(t);
  const shown = Array.from({ length: 12 }, () => rig.show(rig.make().text));
  t.same(
    shown.slice(8).map((one) => rig.codeOf(one)),
    ['busy', 'busy', 'busy', 'busy'],
  );
  await rig.answer();
  t.ok(shown.slice(0, 8).every((one) => rig.codeOf(one) === 'acme'));
  const many = new Rig(t, { keyLookupsMax: 2_000 });
  for (let n = 0; n < 2_000; n++) many.show(many.make().text);
  await settled();
  t.equal(many.questions.length, 2);
  t.equal(many.questions[0]?.ids.length, 256);
});

t.test('known keys are bounded, but for those of sessions', async (t) => {
  const rig = new Rig(t);
  const kept = rig.make();
  await rig.seen(kept.text);
  const principal = rig.cache.known(kept.text);
  if (principal !== null) principal.receivers = 1;
  for (let n = 0; n < 100; n++) await rig.seen(rig.make().text);
  t.same(rig.cache.sizes, { known: 16, texts: 16, absent: 0, waiters: 0 });
  t.equal(rig.cache.known(kept.text), principal);
});

t.test('a session is told of its key, however many keys have sessions', async (t) => {
  const rig = new Rig(t);
  const made = Array.from({ length: LIMITS.keysCachedMax + 1 }, () => rig.make());
  for (const { text } of made) {
    rig.cache.admit(text, (outcome) => {
      if (!(outcome instanceof RequestError)) outcome.receivers = 1;
    });
    await rig.answer();
  }
  const ids = made.map(({ id }) => id);
  rig.keys.clear();
  rig.cache.changed(ids);
  await rig.answer();
  t.same(rig.over.sort(), ids.sort());
});

t.test('a key is believed for KEY_TTL_S, and looked up again before if it is used', async (t) => {
  const rig = new Rig(t);
  const [idle, busy] = [rig.make(), rig.make()];
  await rig.seen(idle.text);
  await rig.seen(busy.text);
  rig.pass(1_000);
  const principal = rig.cache.known(busy.text);
  rig.pass(TTL_MS / 2);
  await rig.answer();
  t.equal(rig.asked, 3);
  rig.pass(TTL_MS / 2);
  t.equal(rig.cache.known(busy.text), principal, 'nobody waited');
  t.equal(rig.cache.known(idle.text), null);
  t.equal(rig.cache.sizes.known, 1, 'what nobody used is forgotten');
  rig.keys.delete(busy.id);
  rig.pass(1_000);
  rig.pass(TTL_MS / 2);
  await rig.answer();
  t.equal(rig.cache.known(busy.text), null, 'gone without a word: found out by then');
  t.same(rig.over, [busy.id]);
});

t.test('a revoked key is refused, and its sessions are told', async (t) => {
  const rig = new Rig(t);
  const { text, id } = rig.make();
  await rig.seen(text);
  rig.keys.delete(id);
  rig.cache.changed([id]);
  t.equal(rig.cache.known(text), null, 'at once');
  await rig.answer();
  t.same(rig.over, [id]);
  t.equal(await rig.seen(text), 'unauthorized');
  t.equal(rig.cache.sizes.texts, 0);
});

t.test('an answer that is older than the change does not count', async (t) => {
  for (const changed of ['it', 'any'] as const) {
    const rig = new Rig(t);
    const { text, id } = rig.make();
    const shown = rig.show(text);
    await settled();
    rig.keys.delete(id);
    rig.cache.changed(changed === 'it' ? [id] : null);
    t.equal(rig.codeOf(shown), 'waits');
    await rig.answer();
    t.equal(rig.codeOf(shown), 'unauthorized', changed);
    t.equal(shown.times, 1);
    t.equal(rig.cache.sizes.known, 0);
  }
});

t.test('an end that moves is followed, another right is another key', async (t) => {
  const rig = new Rig(t);
  const { text, id } = rig.make();
  await rig.seen(text);
  const found = rig.keys.get(id) as FoundKey;
  rig.keys.set(id, { ...found, leftMs: 3_000, expiresAtMs: 3_000 });
  rig.cache.changed([id]);
  await rig.answer();
  t.ok(rig.cache.known(text), 'it goes on');
  const endless = { ...found, expiresAtMs: null };
  t.notOk(rig.cache.known(text)?.covers(endless), 'it gives no more time than it has left');
  rig.pass(2_999);
  t.same(rig.over, []);
  rig.pass(1);
  t.same(rig.over, [id], 'and ends');
  t.equal(rig.cache.known(text), null);
  rig.keys.set(id, found);
  rig.cache.changed([id]);
  t.equal(await rig.seen(text), 'acme');
  rig.keys.set(id, { ...found, scopes: ['subscribe'] });
  rig.cache.changed(null);
  await rig.answer();
  t.same(rig.over, [id, id]);
  await rig.seen(text);
  t.ok(rig.cache.known(text)?.may('subscribe'));
  t.notOk(rig.cache.known(text)?.may('publish'));
});

t.test('while nobody answers', async (t) => {
  const rig = new Rig(t);
  const { text } = rig.make();
  await rig.seen(text);
  const principal = rig.cache.known(text);
  if (principal !== null) principal.receivers = 1;
  const fail = async (): Promise<void> => {
    await settled();
    for (const { refuse } of rig.questions.splice(0)) refuse(away());
    await settled();
  };
  const other = rig.show(rig.make().text);
  await fail();
  t.equal(rig.codeOf(other), 'log_unavailable', 'a key that is not known');
  rig.cache.changed(null);
  await fail();
  for (let passed = 0; passed < TTL_MS - 1_000; passed += 1_000) {
    rig.pass(1_000);
    await fail();
  }
  t.equal(rig.cache.known(text), principal, 'a known one goes on');
  rig.pass(2_000);
  await fail();
  const late = rig.show(text);
  await fail();
  t.equal(rig.codeOf(late), 'log_unavailable', 'for KEY_TTL_S');
  t.same(rig.over, [], 'its sessions go on: nobody said that it is gone');
  rig.pass(1_000);
  await rig.answer();
  t.equal(rig.cache.known(text), principal, 'until somebody answers');
  t.same(rig.faults, []);
  const odd = rig.show(rig.make().text);
  await settled();
  for (const { refuse } of rig.questions.splice(0)) refuse(new Error('a bug'));
  await settled();
  t.equal(rig.codeOf(odd), 'internal');
  t.equal(rig.faults.length, 1);
});

t.test('use is said at once, and then once a minute', async (t) => {
  const rig = new Rig(t);
  const { text, id } = rig.make();
  await rig.seen(text);
  rig.pass(500);
  t.same(rig.used, [[id]]);
  for (let n = 0; n < 119; n++) {
    rig.cache.known(text);
    rig.pass(500);
    await rig.answer();
  }
  t.same(rig.used, [[id]]);
  rig.cache.known(text);
  rig.pass(1_000);
  t.same(rig.used, [[id], [id]]);
});

t.test('at the end whoever waits is told', async (t) => {
  const rig = new Rig(t);
  const shown = rig.show(rig.make().text);
  rig.cache.close();
  t.equal(rig.codeOf(shown), 'draining');
  t.equal(rig.codeOf(rig.show(rig.make().text)), 'draining');
});
