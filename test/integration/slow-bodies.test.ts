// Goal: what a request asks for is done for who may do it when its body is there, not for who might when it
// began: a key that is revoked, expires or goes with its tenant while the body comes has no effect any more,
// however it was shown; a body that merely took its time has. An answer that takes its time goes no further.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { Browser } from '../support/browser/browser.js';
import { openRaw, type RawConnection } from '../support/clients/raw-http.js';
import { Subscriber } from '../support/clients/subscriber.js';
import {
  ADMIN_KEY,
  type MadeKey,
  startKeyedNode,
  TENANT_KEY,
} from '../support/nodes/keyed-node.js';

const ALL = ['publish', 'subscribe', 'manage'];
const node = await startKeyedNode({ KEY_TTL_S: '1' });
t.teardown(() => node.kill9());

interface Slow {
  /** What is left of the body. */
  rest: string;
  connection: RawConnection;
}

/** Of each request that has one: in which pieces its body comes. */
const PIECES = {
  'in two pieces': { cut: 5, length: 'length' },
  'behind its head': { cut: 0, length: 'length' },
  'in chunks': { cut: 5, length: 'chunked' },
} as const;

interface Asked {
  line: string;
  body: object;
  shown: string;
}

async function begin(asked: Asked, pieces: keyof typeof PIECES): Promise<Slow> {
  const { line, body, shown } = asked;
  const { cut, length } = PIECES[pieces];
  const text = JSON.stringify(body);
  const isChunked = length === 'chunked';
  const framing = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${text.length}`;
  const part = (of: string): string =>
    isChunked && of !== '' ? `${of.length.toString(16)}\r\n${of}\r\n` : of;
  const connection = openRaw(node.port);
  t.teardown(() => connection.socket.destroy());
  connection.socket.write(
    `${line} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n` +
      `${shown}\r\n${framing}\r\n\r\n${part(text.slice(0, cut))}`,
  );
  return { connection, rest: `${part(text.slice(cut))}${isChunked ? '0\r\n\r\n' : ''}` };
}

async function end({ connection, rest }: Slow): Promise<number | undefined> {
  connection.socket.write(rest);
  await eventually(() => connection.statuses().length > 0 || connection.isClosed());
  return connection.statuses()[0];
}

async function published(topic: string, key: string): Promise<unknown> {
  return (await node.ask(`GET /api/topics/${topic}`, key)).body['message_count'];
}

t.test('a body that took its time is taken, beyond what the key is believed for', async (t) => {
  const { key } = await node.makeKey({ scopes: ALL });
  await node.ask('POST /api/topics', key, { name: 'slow' });
  const asked = { line: 'POST /api/publish', body: { topic: 'slow', payload: 1 } };
  const all = Object.keys(PIECES) as (keyof typeof PIECES)[];
  const begun = await Promise.all(
    all.map((pieces) => begin({ ...asked, shown: `X-API-Key: ${key}` }, pieces)),
  );
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  for (const slow of begun) t.equal(await end(slow), 200);
  t.equal(await published('slow', key), all.length);
});

t.test('of a key that ended meanwhile nothing is done', async (t) => {
  const { ask } = node;
  const ends: Record<string, (key: MadeKey) => Promise<unknown>> = {
    revoked: ({ id }) => ask(`DELETE /api/keys/${id}`, ADMIN_KEY),
    rotated: ({ id }) => ask(`POST /api/keys/${id}/rotate`, ADMIN_KEY, { overlap_s: 0 }),
    expired: async () => undefined,
    'gone with its tenant': () => ask('DELETE /api/tenants/short', ADMIN_KEY),
  };
  await ask('POST /api/tenants', ADMIN_KEY, { name: 'short' });
  await ask('POST /api/topics', TENANT_KEY, { name: 'ended' });
  for (const [how, over] of Object.entries(ends)) {
    const expires_at = how === 'expired' ? new Date(Date.now() + 1_500).toISOString() : null;
    const tenant = how === 'gone with its tenant' ? 'short' : 'default';
    const made = await node.makeKey({ tenant, scopes: ALL, expires_at });
    const token = await node.makeToken(made.key, { verbs: ['publish'] });
    const browser = new Browser(node.url);
    t.equal((await browser.logIn(made.key)).status, 204);
    const shown = {
      key: `X-API-Key: ${made.key}`,
      token: `Authorization: Bearer ${token}`,
      login: `Cookie: ${browser.cookie}`,
    };
    const begun: [string, Slow][] = [];
    for (const [what, header] of Object.entries(shown)) {
      for (const pieces of Object.keys(PIECES) as (keyof typeof PIECES)[]) {
        const publish = {
          line: 'POST /api/publish',
          body: { topic: 'ended', payload: 1 },
          shown: header,
        };
        begun.push([`${how} ${what} ${pieces}`, await begin(publish, pieces)]);
      }
    }
    const makes = { line: 'POST /api/keys', body: { scopes: ['publish'] } };
    const last = { ...makes, shown: `X-API-Key: ${made.key}` };
    begun.push([`${how}: makes a key`, await begin(last, 'in two pieces')]);
    await over(made);
    await eventually(async () => (await ask('GET /api/topics', made.key)).status === 401);
    for (const [what, slow] of begun) t.equal(await end(slow), 401, what);
  }
  t.equal(await published('ended', TENANT_KEY), 0);
  const { body } = await ask('GET /api/keys', TENANT_KEY);
  const whole = (body['keys'] as { scopes: string[] }[]).filter(
    ({ scopes }) => scopes.length === 1,
  );
  t.same(whole, [], 'no key was made by one that was over');
});

t.test('an export goes no further than its key', async (t) => {
  const { ask } = node;
  const [topic, subscription, count] = ['dying', 's', 3_000];
  const session = await Subscriber.open(node.wsUrl, 'json', TENANT_KEY);
  await session.subscribe(topic, { subscription, max_deliver: 1, max_in_flight: 1_000 });
  session.onMessage = ({ sequence }) => session.send({ type: 'reject', topic, sequence });
  const payload = 'x'.repeat(4_096);
  for (let n = 0; n < count; n += 500) {
    const messages = Array.from({ length: 500 }, () => ({ topic, payload }));
    t.equal((await ask('POST /api/publish/batch', TENANT_KEY, { messages })).status, 200);
  }
  await eventually(() => session.messages.length === count);
  const letters = async (): Promise<number> => {
    const filter = { topic, subscription };
    return Number((await ask('POST /api/dead-letters/purge', TENANT_KEY, filter)).body['purged']);
  };
  const { id, key } = await node.makeKey({ scopes: ALL });
  const connection = openRaw(node.port);
  connection.socket.write(
    `GET /api/dead-letters?topic=${topic}&subscription=${subscription} HTTP/1.1\r\nHost: 127.0.0.1\r\n` +
      `Accept: application/x-ndjson\r\nX-API-Key: ${key}\r\n\r\n`,
  );
  await eventually(() => connection.text().length > 0);
  connection.socket.pause();
  t.equal((await ask(`DELETE /api/keys/${id}`, ADMIN_KEY)).status, 204);
  await eventually(async () => (await ask('GET /api/topics', key)).status === 401);
  connection.socket.resume();
  await connection.closed();
  t.notOk(connection.text().endsWith('0\r\n\r\n'), 'it is not whole');
  session.close();
  t.ok((connection.text().match(/"sequence":/g) ?? []).length < (await letters()));
});
