// Goal: who shows two good keys of two tenants is one of them, always the same: X-API-Key before
// Authorization before an offered token before the cookie, of several the first. What counts is not passed
// over when it is wrong, and nothing of the other tenant is in the answer.
import http from 'node:http';
import t, { type Test } from 'tap';
import WebSocket from 'ws';
import { makeApiKey } from '../../src/core/api-key.js';
import { Browser } from '../support/browser/browser.js';
import { startKeyedNode } from '../support/nodes/keyed-node.js';

const node = await startKeyedNode({ AUTO_CREATE_TOPICS: 'false' });
t.teardown(() => node.kill9());

/** A tenant that has this topic, and a key of it that makes none. */
async function tenantWith(topic: string): Promise<string> {
  const tenant = topic.slice('of-'.length);
  const { key } = await node.makeTenantKey(tenant);
  await node.ask('POST /api/topics', key, { name: topic });
  return (await node.makeKey({ tenant, scopes: ['publish', 'subscribe'] })).key;
}

const [a, b] = [await tenantWith('of-alpha'), await tenantWith('of-beta')];
const tokenOfB = await node.makeToken(b, { topics: ['of-beta'], verbs: ['subscribe'] });
const browser = new Browser(node.url);
await browser.logIn(b);

/** Names and values in turn, so that a name may stand twice. */
type Shown = readonly string[];

const both: readonly [what: string, shown: Shown][] = [
  ['X-API-Key, Authorization', ['x-api-key', a, 'authorization', `Bearer ${b}`]],
  ['Authorization, X-API-Key', ['authorization', `Bearer ${b}`, 'x-api-key', a]],
  ['X-API-Key twice', ['x-api-key', a, 'x-api-key', b]],
  ['Authorization twice', ['authorization', `Bearer ${a}`, 'authorization', `Bearer ${b}`]],
  ['X-API-Key, a token', ['x-api-key', a, 'authorization', `Bearer ${tokenOfB}`]],
  ['X-API-Key, a cookie', ['x-api-key', a, 'cookie', browser.cookie]],
  ['a cookie, Authorization', ['cookie', browser.cookie, 'authorization', `Bearer ${a}`]],
];

function get(path: string, shown: Shown): Promise<{ status: number; text: string }> {
  const { hostname, port } = new URL(node.url);
  const headers = ['host', `${hostname}:${port}`, ...shown];
  return new Promise((resolve, reject) => {
    const asked = http.get({ hostname, port, path, headers, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    asked.on('error', reject);
  });
}

/** What a session that was opened so is answered when it subscribes to this topic; a status without one. */
async function subscribes(shown: Shown, topic: string, protocols: string[] = []): Promise<unknown> {
  const headers = Object.fromEntries(
    shown.flatMap((name, n) => (n % 2 === 0 ? [[name, shown[n + 1] ?? '']] : [])),
  );
  const socket = new WebSocket(`${node.wsUrl}/ws`, protocols, { headers, origin: node.url });
  t.teardown(() => socket.terminate());
  return new Promise((resolve, reject) => {
    socket.on('unexpected-response', (_request, { statusCode }) => resolve(statusCode));
    socket.on('error', reject);
    socket.on('open', () => socket.send(JSON.stringify({ type: 'subscribe', topic })));
    socket.on('message', (data) => resolve((JSON.parse(String(data)) as { type: string }).type));
  });
}

t.test('of two good keys the first in the order counts', async (t: Test) => {
  for (const [what, shown] of both) {
    const { status, text } = await get('/api/topics', shown);
    t.equal(status, 200, what);
    t.match(text, /of-alpha/, what);
    t.notMatch(text, /beta/, what);
    t.equal((await get('/api/topics/of-beta', shown)).status, 404, what);
  }
});

t.test('so it does when a session is opened', async (t) => {
  const offered = ['conduit.json.v1', `conduit.token.${tokenOfB}`];
  const ways: readonly [what: string, shown: Shown, protocols?: string[]][] = [
    ['X-API-Key, an offered token', ['x-api-key', a], offered],
    ['Authorization, an offered token', ['authorization', `Bearer ${a}`], offered],
    ...both.filter(([, shown]) => new Set(shown.filter((_, n) => n % 2 === 0)).size === 2),
  ];
  for (const [what, shown, protocols] of ways) {
    t.equal(await subscribes(shown, 'of-alpha', protocols), 'subscribed', what);
    t.equal(await subscribes(shown, 'of-beta', protocols), 'error', what);
  }
  const cookie = ['cookie', browser.cookie];
  t.equal(await subscribes(cookie, 'of-beta'), 'subscribed', 'a cookie alone is of beta');
  t.equal(await subscribes([], 'of-beta', offered), 'subscribed', 'so is an offered token');
});

t.test('one that counts and is wrong is refused, whatever good one stands behind it', async (t) => {
  const wrong = makeApiKey().text;
  const shown: readonly [what: string, shown: Shown][] = [
    ['X-API-Key', ['x-api-key', wrong, 'authorization', `Bearer ${b}`]],
    ['X-API-Key, before a cookie', ['x-api-key', wrong, 'cookie', browser.cookie]],
    ['Authorization', ['authorization', `Bearer ${wrong}`, 'cookie', browser.cookie]],
    ['X-API-Key, first of two', ['x-api-key', wrong, 'x-api-key', b]],
  ];
  for (const [what, headers] of shown) {
    t.equal((await get('/api/topics', headers)).status, 401, what);
    if (!what.endsWith('two')) t.equal(await subscribes(headers, 'of-beta'), 401, what);
  }
});

t.test('one in the URL is never used', async (t) => {
  for (const name of ['api_key', 'key', 'authorization']) {
    const query = `/api/topics?${name}=${b}`;
    t.equal((await get(query, ['x-api-key', a])).status, 400, name);
    t.equal((await get(query, ['cookie', browser.cookie])).status, 400, name);
    t.equal((await get(query, [])).status, 401, name);
  }
});
