// Goal: a token that nobody made as it stands is refused, whatever is wrong with it, with the words that a
// wrong key gets: cut, changed, sealed or signed by others, over, not yet good, huge, of another tenant,
// for more than its key may do, with an algorithm or a key of the forger's choice. What is nearly wrong is
// taken.
import { createHmac, createPublicKey, type JsonWebKey } from 'node:crypto';
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { digestOf, makeApiKey } from '../../src/core/api-key.js';
import { makeToken, type TokenClaims } from '../../src/core/token.js';
import { asTenant } from '../../src/core/topic-key.js';
import { startKeyedNode, TENANT_KEY } from '../support/nodes/keyed-node.js';
import {
  AUDIENCE,
  ISSUER,
  makeSigningKey,
  nowS,
  SHARED_SECRET,
  secretKey,
  signToken,
  startKeySet,
  unsigned,
} from '../support/servers/issuer.js';

const edwards = await makeSigningKey('EdDSA', 'ed');
const rsa = await makeSigningKey('RS256', 'rsa');
const stranger = await makeSigningKey('EdDSA', 'ed');
const curve = await makeSigningKey('ES256', 'curve');
const server = await startKeySet(edwards, rsa, curve);
const trap = await startKeySet(stranger);
const postgres = await startPostgres();
t.teardown(() => Promise.all([postgres.stop(), server.close(), trap.close()]));
const node = await startKeyedNode({
  ...{ DATABASE_URL: postgres.url, LOG_LEVEL: 'trace', JWKS_REFETCH_S: '3600' },
  ...{ JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE, JWT_JWKS_URL: server.url },
  ...{ JWT_HS256_SECRET: SHARED_SECRET, JWT_CLOCK_SKEW_S: '5' },
});
t.teardown(() => node.kill9());
const admin = new pg.Client({ connectionString: postgres.url });
await admin.connect();
t.teardown(() => admin.end());

await node.ask('POST /api/topics', TENANT_KEY, { name: 'orders.a' });
const LINE = 'GET /api/topics/orders.a';

/** All of it that does not differ from one request to the next. */
async function answerTo(token: string): Promise<string> {
  const { status, body } = await node.ask(LINE, token);
  const { request_id: _, ...problem } = body;
  return `${status} ${JSON.stringify(problem)}`;
}

const wrong = await answerTo(makeApiKey().text);
t.match(wrong, /^401 .*"code":"unauthorized"/);

async function refuses(tokens: Readonly<Record<string, string>>): Promise<void> {
  for (const [how, token] of Object.entries(tokens)) t.equal(await answerTo(token), wrong, how);
}

t.test('tokens that nodes make', async (t) => {
  const { id, key } = await node.makeKey({
    scopes: ['subscribe', 'publish'],
    topics: ['orders.*'],
  });
  const whole = await node.makeKey({ scopes: ['subscribe', 'publish', 'manage', 'operate'] });
  const { rows } = await admin.query<{ secret: Buffer }>('SELECT secret FROM conduit.token_secret');
  const secret = rows[0]?.secret ?? Buffer.alloc(0);
  t.equal(secret.length, 32);
  const by = { secret, digest: digestOf(key) };
  const claims: TokenClaims = {
    key: id,
    tenant: asTenant('default'),
    verbs: ['subscribe'],
    topics: ['orders.*'],
    subject: null,
    expiresAtMs: Date.now() + 60_000,
  };
  const good = makeToken(claims, by);
  t.match(await answerTo(good), /^200 /, 'as the node makes them');
  t.match(await answerTo(await node.makeToken(key, { topics: ['orders.*'] })), /^200 /);
  const said = (other: object): string => makeToken({ ...claims, ...other }, by);
  const [head = '', seal = ''] = good.split('.');
  const cuts = [5, 6, 40, head.length, head.length + 1, good.length - 1];
  await refuses(Object.fromEntries(cuts.map((at) => [`cut at ${at}`, good.slice(0, at)])));
  const changed = said({ topics: ['orders.*', 'invoices'] }).split('.')[0] ?? '';
  await refuses({
    'other claims under its seal': `${changed}.${seal}`,
    'another seal': `${head}.${'A'.repeat(43)}`,
    'a bit of its seal': `${good.slice(0, -1)}${good.endsWith('A') ? 'B' : 'A'}`,
    'a seal in other letters': good.toUpperCase(),
    'its claims alone': head,
    'more behind it': `${good}.${seal}`,
    padding: `${good}=`,
    'the prefix of a key': good.replace('cdtt_', 'cdt_'),
    'the seal of another secret': makeToken(claims, { ...by, secret: Buffer.alloc(32) }),
    'the seal of another key': makeToken(claims, { secret, digest: digestOf(whole.key) }),
    'a key that is not there': said({ key: makeApiKey().id }),
    'no id of a key': said({ key: '' }),
    'a configured key': said({ key: 'DEFAULT_API_KEY' }),
    'a name that objects have': said({ key: '__proto__' }),
    over: said({ expiresAtMs: Date.now() - 1 }),
    'another tenant': said({ tenant: 'acme' }),
    'a verb that its key has not': said({ verbs: ['manage'] }),
    'another scope beside it': said({ verbs: ['subscribe', 'operate'] }),
    'topics that its key has not': said({ topics: ['invoices'] }),
    'all topics': said({ topics: null }),
    huge: said({ subject: 'x'.repeat(2_200) }),
    'no claims': `cdtt_${Buffer.from('null').toString('base64url')}.${seal}`,
    'claims that are no JSON': `cdtt_${Buffer.from('{').toString('base64url')}.${seal}`,
  });
  await admin.query('DELETE FROM conduit.api_keys WHERE id = $1', [id]);
  await eventually(async () => (await node.ask(LINE, key)).status === 401);
  t.equal(await answerTo(good), wrong, 'its key was revoked');
});

t.test('tokens of the issuer that are good', async (t) => {
  for (const key of [edwards, rsa, secretKey()]) {
    t.match(await answerTo(await signToken(key)), /^200 /, key.alg);
    const late = { exp: nowS() - 3 };
    t.match(await answerTo(await signToken(key, { claims: late })), /^200 /, 'within the skew');
    const early = { nbf: nowS() + 3 };
    t.match(await answerTo(await signToken(key, { claims: early })), /^200 /, 'within the skew');
    const many = { aud: ['others', AUDIENCE] };
    t.match(
      await answerTo(await signToken(key, { claims: many })),
      /^200 /,
      'one audience of several',
    );
  }
  const nameless = await signToken(rsa, { header: { kid: undefined } });
  t.match(await answerTo(nameless), /^200 /, 'the only key of its algorithm');
});

t.test('tokens of the issuer that are not', async (t) => {
  const conduit = { topics: ['orders.*'] };
  const payload = { iss: ISSUER, aud: AUDIENCE, exp: nowS() + 600, conduit };
  const good = await signToken(edwards);
  const [head = '', claims = '', signature = ''] = good.split('.');
  // An attacker has the public key, and signs with it as if it were a shared secret.
  const spki = createPublicKey({ key: rsa.open as JsonWebKey, format: 'jwk' });
  const pem = spki.export({ type: 'spki', format: 'pem' });
  const confused = (secret: string | Buffer): string => {
    const text = unsigned({ alg: 'HS256', kid: 'rsa' }, payload);
    const mac = createHmac('sha256', secret).update(text.slice(0, -1)).digest('base64url');
    return `${text}${mac}`;
  };
  const of = (said: Record<string, unknown>): Promise<string> =>
    signToken(edwards, { claims: said });
  const headed = (header: object): Promise<string> =>
    signToken(stranger, { header: { ...header } as Record<string, unknown> });
  await refuses({
    'alg none': unsigned({ alg: 'none' }, payload),
    'alg None': unsigned({ alg: 'None', kid: 'rsa' }, payload, 'x'),
    'alg none, with a signature': unsigned({ alg: 'none' }, payload, signature),
    'no alg': unsigned({ kid: 'ed' }, payload, signature),
    'HS256 with the public key, PEM': confused(String(pem)),
    'HS256 with the public key, DER': confused(spki.export({ type: 'spki', format: 'der' })),
    'HS256 with the modulus': confused(Buffer.from(rsa.open.n ?? '', 'base64url')),
    'HS256 with another secret': await signToken(secretKey('another secret of thirty-two bytes')),
    'HS256 with nothing': confused(''),
    'an algorithm that is not taken': await signToken(curve),
    'the key of another algorithm': await signToken(edwards, { header: { kid: 'rsa' } }),
    'a key that is not in the set': await signToken(stranger, { header: { kid: 'unknown' } }),
    'signed by a stranger': await signToken(stranger),
    'a set of the stranger': await headed({ jku: trap.url }),
    'a key of the stranger': await headed({ jwk: stranger.open }),
    'a certificate elsewhere': await headed({ x5u: trap.url }),
    'a path as the id of its key': await headed({ kid: '../../../../dev/null' }),
    'an extension that nobody knows': unsigned(
      { alg: 'EdDSA', kid: 'ed', crit: ['x'], x: 1 },
      payload,
      signature,
    ),
    'other claims under its signature': `${head}.${unsigned({}, payload).split('.')[1]}.${signature}`,
    'no signature': `${head}.${claims}.`,
    cut: good.slice(0, -3),
    twice: `${good}.${good}`,
    over: await of({ exp: nowS() - 60 }),
    'without an end': await of({ exp: undefined }),
    'an end that is no number': await of({ exp: 'never' }),
    'an end that nobody sees': await of({ exp: 1e300 }),
    'not good yet': await of({ nbf: nowS() + 60 }),
    'another issuer': await of({ iss: `${ISSUER}evil` }),
    'no issuer': await of({ iss: undefined }),
    'another audience': await of({ aud: 'conduit2' }),
    'no audience': await of({ aud: undefined }),
    'nothing for Conduit': await of({ conduit: undefined }),
    'no topics': await of({ conduit: {} }),
    'topics that are none': await of({ conduit: { topics: ['*'] } }),
    'topics as text': await of({ conduit: { topics: 'orders.*' } }),
    'a verb that tokens have not': await of({ conduit: { ...conduit, verbs: ['manage'] } }),
    'more than is known': await of({ conduit: { ...conduit, scopes: ['operate'] } }),
    'another tenant': await of({ conduit: { ...conduit, tenant: 'acme' } }),
    'a subject that is too long': await of({ sub: 'x'.repeat(256) }),
    'a subject that is no text': await of({ sub: 5 }),
    huge: await of({ more: 'x'.repeat(2_200) }),
  });
  t.equal(trap.asked(), 0, 'nobody was asked whom a token names');
  t.match(await answerTo(good), /^200 /);
});

t.test('thousands of made-up ones leave the node as it was', async (t) => {
  const good = await node.makeToken(TENANT_KEY, { topics: ['orders.*'] });
  const before = server.asked();
  const forms = [
    (n: number) => `cdtt_${Buffer.from(`{"key":"${n}"}`).toString('base64url')}.${'A'.repeat(43)}`,
    (n: number) => unsigned({ alg: 'EdDSA', kid: `made-up-${n}` }, { n }, 'A'.repeat(86)),
    (n: number) => `ey${'.'.repeat(n % 9)}${n}`,
    (n: number) => good.slice(0, -1 - (n % good.length)),
  ];
  const statuses = new Set<number>();
  for (let n = 0; n < 400; n++) {
    const answers = forms.map((form) => node.ask(LINE, form(n)));
    for (const { status } of await Promise.all(answers)) statuses.add(status);
  }
  t.same([...statuses], [401]);
  t.equal(server.asked(), before, 'within JWKS_REFETCH_S');
  t.match(await answerTo(good), /^200 /);
  t.notMatch(node.output(), /"level":(50|60)/, 'and nothing was a fault');
});
