// Goal: a request whose body, or answer, took its time is done for who may still do it: known at once where
// nothing changed, looked up where something may have, refused where the key is gone or may less.
import t, { type Test } from 'tap';
import { Callers } from '../../../../src/acceptor/http/callers.js';
import type { Exchange } from '../../../../src/acceptor/http/exchange.js';
import { KeyGate } from '../../../../src/acceptor/http/gate.js';
import { Guard } from '../../../../src/acceptor/http/guard.js';
import { LoginCookies } from '../../../../src/acceptor/http/login-cookie.js';
import { Proxies } from '../../../../src/acceptor/http/proxies.js';
import { digestOf, makeApiKey } from '../../../../src/core/api-key.js';
import type { RequestError } from '../../../../src/core/errors.js';
import type { FoundKey } from '../../../../src/core/key-record.js';
import { NOBODY, type Principal } from '../../../../src/core/principal.js';
import type { Scope } from '../../../../src/core/scope.js';
import { asTenant } from '../../../../src/core/topic-key.js';
import { ConfiguredKeys } from '../../../../src/tenant/configured-keys.js';
import { Credentials } from '../../../../src/tenant/credentials.js';
import { KeyCache } from '../../../../src/tenant/key-cache.js';
import { TokenCache } from '../../../../src/tenant/token-cache.js';

const LIMITS = { keysCachedMax: 16, keyLookupsMax: 64, keyTtlS: 60, jwtRecheckS: 300 };
const { id, text } = makeApiKey();
const ALL: Scope[] = ['publish', 'manage'];

class Rig {
  found: FoundKey | null = null;
  isAway = false;
  readonly keys: KeyCache;
  readonly shown: Credentials;
  readonly gate: KeyGate;

  constructor(t: Test) {
    const clock = { now: () => 1_000, monotonic: () => 1_000, random: () => 0 };
    const configured = new ConfiguredKeys({ defaultApiKey: null, adminApiKey: null });
    const nothing = (): void => undefined;
    this.keys = new KeyCache({
      ...{ clock, limits: LIMITS, configured, onUsed: nothing, onOver: nothing, onFault: nothing },
      find: async () => {
        if (this.isAway) throw new Error('away');
        return this.found === null ? [] : [this.found];
      },
    });
    const parts = { clock, limits: LIMITS, keys: this.keys, secret: Buffer.alloc(32) };
    const tokens = new TokenCache({ ...parts, check: null, onFault: nothing });
    this.shown = new Credentials({ keys: this.keys, tokens, configured });
    const config = { corsOrigin: '*', allowedHosts: '*', tlsCertFile: null };
    const proxies = new Proxies({ trustedProxies: null, tlsCertFile: null });
    const cookies = new LoginCookies({ callers: new Callers(config), proxies });
    const guard = new Guard((_where, stack) => t.fail(stack));
    this.gate = new KeyGate({ shown: this.shown, guard, cookies });
    t.teardown(() => {
      this.keys.close();
      tokens.close();
    });
  }

  /** From now on, whatever was known of it. */
  async has(
    scopes: readonly Scope[] | null,
    topics: readonly string[] | null = null,
  ): Promise<void> {
    const right = { tenant: asTenant('acme'), topics, expiresAtMs: null, leftMs: null };
    const digest = digestOf(text).toString('hex');
    this.found = scopes === null ? null : { ...right, id, digest, scopes: [...scopes] };
    this.keys.changed([id]);
  }

  /** A request that was admitted with the key. */
  async begun(): Promise<Request> {
    const principal = await new Promise<Principal | RequestError>((resolve) =>
      this.shown.admit(text, resolve),
    );
    return new Request(principal as Principal);
  }

  /** The body that is used, or the code of what it was refused for. */
  confirm(request: Request): Promise<string> {
    return new Promise((resolve) => {
      request.onFailed = (error) => resolve(error.code);
      this.gate.confirm(request as unknown as Exchange, Buffer.from('body'), (kept) =>
        resolve(Buffer.from(kept).toString()),
      );
    });
  }
}

class Request {
  readonly shown = text;
  readonly isOpen = true;
  principal: Principal;
  onFailed: (error: RequestError) => void = () => undefined;

  constructor(principal: Principal) {
    this.principal = principal;
  }

  fail(error: RequestError): void {
    this.onFailed(error);
  }
}

const knows = ({ gate }: Rig, request: Request): boolean =>
  gate.stillKnows(request as unknown as Exchange);
const stillMay = ({ gate }: Rig, request: Request): Promise<boolean> =>
  gate.stillMay(request as unknown as Exchange);

t.test('where nothing changed it is known; where something did it is found out', async (t) => {
  const rig = new Rig(t);
  await rig.has(ALL);
  const request = await rig.begun();
  t.ok(knows(rig, request));
  rig.keys.changed([id]);
  t.notOk(knows(rig, request), 'it may be gone');
  t.equal(await rig.confirm(request), 'body');
  t.ok(await stillMay(rig, request));
});

t.test('who showed nothing has nothing to lose', async (t) => {
  const rig = new Rig(t);
  t.ok(knows(rig, new Request(NOBODY)));
});

t.test('a key that is gone, or may less, is refused, and is nobody’s from then on', async (t) => {
  const lesser: [scopes: Scope[] | null, topics?: string[]][] = [
    ...([[null], [['publish']]] as [Scope[] | null][]),
    [ALL, ['a']],
  ];
  for (const [scopes, topics] of lesser) {
    const rig = new Rig(t);
    await rig.has(ALL);
    const [one, other] = [await rig.begun(), await rig.begun()];
    await rig.has(scopes, topics ?? null);
    t.equal(await rig.confirm(one), 'unauthorized', `${scopes} ${topics}`);
    t.equal(one.principal, NOBODY);
    t.notOk(await stillMay(rig, other));
  }
});

t.test('a key that may more does what it might', async (t) => {
  const rig = new Rig(t);
  await rig.has(ALL);
  const request = await rig.begun();
  await rig.has([...ALL, 'subscribe']);
  t.equal(await rig.confirm(request), 'body');
  t.equal(request.principal.may('subscribe'), false, 'and no more');
});

t.test('while nobody can be asked a body is told so, and an answer goes on', async (t) => {
  const rig = new Rig(t);
  await rig.has(ALL);
  const request = await rig.begun();
  rig.isAway = true;
  rig.keys.changed([id]);
  t.ok(await stillMay(rig, request));
});

t.test('bodies that wait are bounded', async (t) => {
  const rig = new Rig(t);
  await rig.has(ALL);
  const request = await rig.begun();
  rig.keys.changed([id]);
  let closed = 0;
  Object.assign(request, { failAndClose: () => closed++ });
  const body = Buffer.alloc(1024 * 1024);
  for (let n = 0; n < 20; n++) {
    rig.gate.confirm(request as unknown as Exchange, body, () => undefined);
  }
  t.equal(closed, 4, 'sixteen megabytes are kept');
});
