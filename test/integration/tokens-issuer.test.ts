// Goal: tokens of the operator's own issuer, with its keys on a real HTTP server: they subscribe, refresh
// and end like those of the node; a key that the issuer changes to is found, one that it gives up is not
// good any more; and whatever its server answers, or does not, the keys that are known go on.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { EventStream } from '../support/clients/event-stream.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { runCommand } from '../support/nodes/command.js';
import { startKeyedNode, TENANT_KEY } from '../support/nodes/keyed-node.js';
import {
  AUDIENCE,
  ISSUER,
  makeSigningKey,
  nowS,
  SHARED_SECRET,
  type SigningKey,
  secretKey,
  signToken,
  startKeySet,
} from '../support/servers/issuer.js';

const REFETCH_MS = 1_000;
const LINE = 'GET /api/topics/orders.a';
const ISSUED = { JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE, JWKS_REFETCH_S: '1' };

const first = await makeSigningKey('EdDSA', 'one');
const server = await startKeySet(first);
t.teardown(() => server.close());
const node = await startKeyedNode({
  ...{ ...ISSUED, JWT_JWKS_URL: server.url, LOG_LEVEL: 'trace', JWT_CLOCK_SKEW_S: '0' },
});
t.teardown(() => node.kill9());
await node.ask('POST /api/topics', TENANT_KEY, { name: 'orders.a' });
const shown: string[] = [];

async function statusOf(key: SigningKey, claims: Record<string, unknown> = {}): Promise<number> {
  const token = await signToken(key, { claims });
  shown.push(token);
  return (await node.ask(LINE, token)).status;
}

/** The next look at the set is due. */
async function afterRefetch(): Promise<void> {
  const until = performance.now() + REFETCH_MS;
  await eventually(() => performance.now() > until);
}

t.test('a session with one is told, goes on with another, and ends with it', async (t) => {
  const short = {
    exp: nowS() + 10,
    conduit: { topics: ['orders.*'], verbs: ['subscribe', 'publish'] },
  };
  const session = await Subscriber.open(
    node.wsUrl,
    'json',
    await signToken(first, { claims: short }),
  );
  await session.subscribe('orders.a');
  const durable = await session.subscribe('orders.a', { subscription: 'kept' });
  t.match(durable, { type: 'error', code: 'forbidden' });
  session.send({ type: 'publish', topic: 'orders.a', payload: 1, ref: 'p' });
  t.match(await session.waitFor(({ ref }) => ref === 'p'), { type: 'published' });
  await session.waitFor(({ type }) => type === 'expiring');
  const other = await signToken(first, { claims: { sub: 'user-2' } });
  session.send({ type: 'refresh', token: other, ref: 'o' });
  t.match(await session.waitFor(({ ref }) => ref === 'o'), { code: 'forbidden' });
  const next = { exp: nowS() + 12 };
  session.send({ type: 'refresh', token: await signToken(first, { claims: next }), ref: 'n' });
  const at = new Date(next.exp * 1_000).toISOString();
  t.match(await session.waitFor(({ ref }) => ref === 'n'), { type: 'refreshed', expires_at: at });
  session.send({ type: 'publish', topic: 'orders.a', payload: 1, ref: 'q' });
  t.match(await session.waitFor(({ ref }) => ref === 'q'), { code: 'forbidden' }, 'no verb for it');
  // A token of the node for the same subject is as good.
  const own = await node.makeToken(TENANT_KEY, {
    ...{ topics: ['orders.*'], ttl_s: 2 },
    subject: 'user-1',
  });
  session.send({ type: 'refresh', token: own, ref: 'own' });
  t.match(await session.waitFor(({ ref }) => ref === 'own'), { type: 'refreshed' });
  await eventually(() => session.closed !== null);
  t.equal(session.closed?.code, 4510);
});

t.test('a key that the issuer changes to is found; one that it gives up is over', async (t) => {
  const second = await makeSigningKey('RS256', 'two');
  t.equal(await statusOf(second), 401, 'before it is published');
  server.publish(first, second);
  await afterRefetch();
  t.equal(await statusOf(second), 200);
  t.equal(await statusOf(first), 200);
  server.publish(second);
  await afterRefetch();
  t.equal(await statusOf(await makeSigningKey('EdDSA', 'three')), 401, 'which has it looked again');
  t.equal(await statusOf(first), 401);
  t.equal(await statusOf(second), 200);
  server.publish(first, second);
  await afterRefetch();
  t.equal(await statusOf(first), 200);
});

t.test(
  'what is open of a key that was given up ends; what cannot be checked goes on',
  async (t) => {
    const [kept, over] = [
      await makeSigningKey('EdDSA', 'kept'),
      await makeSigningKey('RS256', 'over'),
    ];
    const set = await startKeySet(kept, over);
    t.teardown(() => set.close());
    const often = { ...ISSUED, JWT_JWKS_URL: set.url, JWT_RECHECK_S: '1', WORKERS: '1' };
    const node = await startKeyedNode(often);
    t.teardown(() => node.kill9());
    await node.ask('POST /api/topics', TENANT_KEY, { name: 'orders.a' });
    const open = async (key: SigningKey) => {
      const token = await signToken(key);
      const session = await Subscriber.open(node.wsUrl, 'json', token);
      await session.subscribe('orders.a');
      const stream = await EventStream.open(`${node.url}/api/topics/orders.a/events`, '', token);
      return { session, stream };
    };
    const [goesOn, ends] = [await open(kept), await open(over)];
    set.answer((_request, response) => response.writeHead(500).end('{}'));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    t.equal(ends.session.closed, null);
    set.publish(kept);
    await eventually(() => ends.session.closed !== null && ends.stream.ended !== 'no', 30_000);
    t.equal(ends.session.closed?.code, 4510);
    t.equal(goesOn.session.closed, null, 'of a key that is there still');
    t.equal(goesOn.stream.ended, 'no');
    goesOn.session.close();
  },
);

t.test('made-up ids of keys do not have the set fetched more often', async (t) => {
  const [stranger, asked] = [await makeSigningKey('EdDSA', 'stranger'), server.asked()];
  const from = performance.now();
  for (let n = 0; n < 200; n++) t.equal(await statusOf({ ...stranger, kid: `made-up-${n}` }), 401);
  const most = 1 + Math.ceil((performance.now() - from) / REFETCH_MS);
  t.ok(server.asked() - asked <= most, `${server.asked() - asked} of ${most}`);
  t.equal(await statusOf(first), 200);
});

t.test('whatever its server does, the keys that are known go on', async (t) => {
  const stranger = await makeSigningKey('EdDSA', 'away');
  let followed = 0;
  const elsewhere = await startKeySet(stranger);
  t.teardown(() => elsewhere.close());
  elsewhere.answer((_request, response) => {
    followed++;
    response.end(JSON.stringify({ keys: [stranger.open] }));
  });
  const answers: Parameters<typeof server.answer>[0][] = [
    (_request, response) => response.writeHead(500).end('{}'),
    (_request, response) => response.writeHead(302, { location: elsewhere.url }).end(),
    (_request, response) => response.end('no JSON'),
    (_request, response) => response.end('{"keys":"none"}'),
    (_request, response) => response.end('x'.repeat(300_000)),
    (request) => request.socket.destroy(),
  ];
  for (const answer of answers) {
    server.answer(answer);
    await afterRefetch();
    t.equal(await statusOf(stranger), 401);
    t.equal(await statusOf(first), 200);
  }
  t.equal(followed, 0, 'a redirect is not followed');
  t.match(node.output(), /JWT_JWKS_URL: answered 500/);
  const weak = {
    kty: 'RSA',
    kid: 'weak',
    n: Buffer.alloc(128, 255).toString('base64url'),
    e: 'AQAB',
  };
  server.answer((_request, response) =>
    response.end(JSON.stringify({ keys: [weak, first.open, 1, {}] })),
  );
  await afterRefetch();
  t.equal(await statusOf(stranger), 401);
  t.equal(await statusOf(first), 200, 'beside one that is not taken');
});

t.test('no token is in what is written', async (t) => {
  t.ok(shown.length > 200);
  for (const token of shown)
    for (const part of token.split('.').slice(1)) t.notOk(node.output().includes(part));
  t.notMatch(node.output(), /"level":(50|60)/);
});

t.test('keys in a file, and a secret that is shared', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'conduit-keys-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = path.join(folder, 'keys.json');
  await writeFile(file, JSON.stringify({ keys: [first.open] }));
  const filed = await startKeyedNode({
    ...ISSUED,
    JWT_JWKS_FILE: file,
    JWT_HS256_SECRET: SHARED_SECRET,
  });
  t.teardown(() => filed.kill9());
  const status = async (key: SigningKey): Promise<number> =>
    (await filed.ask('GET /api/topics/orders.none', await signToken(key))).status;
  t.equal(await status(first), 404);
  t.equal(await status(secretKey()), 404);
  const second = await makeSigningKey('EdDSA', 'two');
  t.equal(await status(second), 401);
  await writeFile(file, JSON.stringify({ keys: [second.open] }));
  await afterRefetch();
  await eventually(async () => (await status(second)) === 404);
  t.equal(await status(first), 401);
  t.equal(await filed.stop(), 0);
  const env = {
    ...ISSUED,
    ENABLE_AUTH: 'true',
    DEFAULT_API_KEY: TENANT_KEY,
    PORT: String(filed.port),
  };
  const line = async (content: string | null): Promise<string> => {
    if (content !== null) await writeFile(file, content);
    const asked = { ...env, JWT_JWKS_FILE: content === null ? path.join(folder, 'none') : file };
    const { code, stderr } = await runCommand(['serve'], asked);
    t.equal(code, 78);
    return stderr;
  };
  t.match(await line(null), /^conduit: JWT_JWKS_FILE=.*none: cannot be read \(ENOENT\)\n$/);
  t.match(await line('['), /JWT_JWKS_FILE=.*: is no JSON\n$/);
  t.match(await line('{}'), /JWT_JWKS_FILE=.*: is no set of keys: it has no list "keys"\n$/);
});
