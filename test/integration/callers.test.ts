// Goal: a page in somebody's browser drives no node that has not let it in: by its Origin for what changes
// or opens something, by the Host it was pointed to for everything. Other clients send no Origin.
import http from 'node:http';
import t, { type Test } from 'tap';
import WebSocket from 'ws';
import { startNode, type TestNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { request } from '../support/clients/publisher.js';

const PUBLISH = '{"topic":"shared","payload":1}';
const EVIL = 'http://evil.example';

interface Sent {
  origin?: string;
  host?: string;
}

async function start(
  t: Test,
  env: Record<string, string | undefined>,
  command: 'serve' | 'start' = 'serve',
): Promise<TestNode> {
  const node = await startNode(env, { command });
  t.teardown(() => node.kill9());
  const headers = { 'content-type': 'application/json' };
  await request(`${node.url}/api/topics`, { method: 'POST', headers, body: '{"name":"shared"}' });
  return node;
}

/** The code of a publish; `simple`: as a page sends it without asking first. */
async function publish(
  node: TestNode,
  sent: Sent,
  kind: 'json' | 'simple' = 'json',
): Promise<string> {
  const type = kind === 'json' ? { 'content-type': 'application/json' } : {};
  const headers = { ...type, ...sent };
  const answer = await request(`${node.url}/api/publish`, {
    method: 'POST',
    headers,
    body: PUBLISH,
  });
  return answer.status === 200 ? 'stored' : `${answer.status} ${String(answer.body.code)}`;
}

async function read(
  node: TestNode,
  sent: Sent,
  path = '/api/topics',
): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const call = http.get(
      `${node.url}${path}`,
      { headers: { ...sent }, agent: false },
      (answer) => {
        answer.resume();
        resolve(answer);
      },
    );
    call.on('error', reject);
  });
}

/** The status of a stream of events, which goes no further. */
function streams(node: TestNode, sent: Sent, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = http.get(`${node.url}${path}`, { headers: { ...sent }, agent: false });
    call.once('response', (answer) => {
      resolve(answer.statusCode ?? 0);
      call.destroy();
    });
    call.once('error', reject);
  });
}

function upgrade(node: TestNode, sent: Sent): Promise<number> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`${node.wsUrl}/ws`, { headers: { ...sent } });
    socket.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
    socket.on('error', () => undefined);
    socket.on('open', () => {
      socket.close();
      resolve(101);
    });
  });
}

async function stored(node: TestNode): Promise<unknown> {
  return (await request(`${node.url}/api/topics/shared/position`, {})).body['sequence'];
}

t.test('start without HOST: pages and names of this machine only', async (t) => {
  const postgres = await startPostgres();
  t.teardown(() => postgres.stop());
  const node = await start(t, { HOST: undefined, DATABASE_URL: postgres.url }, 'start');
  const { port } = node;
  for (const origin of [EVIL, 'null', 'http://localhost.evil.example', 'file://localhost']) {
    t.equal(await publish(node, { origin }), '403 origin_refused', origin);
    t.equal(await publish(node, { origin }, 'simple'), '403 origin_refused', origin);
    t.equal(await upgrade(node, { origin }), 403, origin);
    const method = 'DELETE';
    const headers = { origin };
    const answer = await request(`${node.url}/api/topics/shared`, { method, headers });
    t.match(answer, { status: 403, body: { code: 'origin_refused', field: 'Origin' } });
    t.equal((await read(node, { origin })).headers['access-control-allow-origin'], undefined);
  }
  // A name that a page's owner points to this machine: the page is then of the same origin.
  const rebound = { host: `evil.example:${port}`, origin: `http://evil.example:${port}` };
  t.equal(await publish(node, rebound), '403 host_refused');
  t.equal(await upgrade(node, rebound), 403);
  for (const path of ['/api/topics', '/livez', '/nowhere', '/api/topics/shared/events', '/']) {
    for (const host of [rebound.host, `10.0.0.1:${port}`, '0.0.0.0', 'localhost.evil.example']) {
      t.equal((await read(node, { host }, path)).statusCode, 403, `${host} ${path}`);
    }
  }
  t.equal(await stored(node), 0, 'nothing was stored');

  for (const host of ['localhost', '127.0.0.1', '[::1]', 'app.localhost']) {
    const own = `${host}:${port}`;
    t.equal(await publish(node, { host: own, origin: `http://${own}` }), 'stored', host);
    t.equal(await upgrade(node, { host: own, origin: `http://${own}` }), 101, host);
  }
  const neighbour = { origin: 'http://localhost:3000' };
  t.equal(await publish(node, neighbour), 'stored', 'a page of another port here');
  const shared = (await read(node, neighbour)).headers;
  t.match(shared, { 'access-control-allow-origin': neighbour.origin, vary: 'Origin' });
  t.equal(await publish(node, {}), 'stored', 'no page');
  t.equal(await upgrade(node, {}), 101);
  t.notMatch(node.output(), /CORS_ORIGIN|HOST:/, 'nothing to warn of');
});

t.test('serve with one origin: that one, and the pages of its own address', async (t) => {
  const node = await start(t, { CORS_ORIGIN: 'https://app.example' });
  const { port } = node;
  for (const origin of [EVIL, 'http://app.example', 'https://app.example:444', 'null']) {
    t.equal(await publish(node, { origin }), '403 origin_refused', origin);
    t.equal(await publish(node, { origin }, 'simple'), '403 origin_refused', origin);
    t.equal(await upgrade(node, { origin }), 403, origin);
  }
  const rebound = { host: `evil.example:${port}`, origin: `http://evil.example:${port}` };
  t.equal(await publish(node, rebound), '403 origin_refused', 'a name proves nothing');
  t.equal(await publish(node, { origin: `http://127.0.0.1:${port + 1}` }), '403 origin_refused');
  t.equal(await publish(node, { origin: `https://127.0.0.1:${port}` }), '403 origin_refused');
  t.equal(await stored(node), 0);
  t.equal(await publish(node, { origin: 'https://app.example' }), 'stored');
  t.equal(await publish(node, { origin: `http://127.0.0.1:${port}` }), 'stored', 'its own');
  t.equal(await upgrade(node, { origin: 'https://app.example' }), 101);
  t.equal((await read(node, { host: 'any.example' })).statusCode, 200, 'any name');
});

t.test(
  'serve with several origins: each of them, exactly, and what is shared says so',
  async (t) => {
    const listed = ['https://app.example', 'http://two.example:8081'];
    const node = await start(t, { CORS_ORIGIN: `${listed.join(',')},loopback` });
    const events = '/api/topics/shared/events';
    for (const origin of [...listed, 'http://localhost:3000']) {
      t.equal(await publish(node, { origin }), 'stored', origin);
      t.equal(await upgrade(node, { origin }), 101, origin);
      const { headers } = await read(node, { origin });
      t.match(headers, { 'access-control-allow-origin': origin, vary: 'Origin' });
      t.equal(await streams(node, { origin }, events), 200, origin);
    }
    for (const origin of [
      ...[EVIL, 'null', 'loopback', 'https://two.example:8081', 'http://two.example'],
      ...[
        'https://app.example,http://two.example:8081',
        'https://APP.example',
        'https://app.example/',
      ],
    ]) {
      t.equal(await publish(node, { origin }), '403 origin_refused', origin);
      t.equal(await upgrade(node, { origin }), 403, origin);
      t.equal(await streams(node, { origin }, events), 403, origin);
      const { headers, statusCode } = await read(node, { origin });
      t.equal(statusCode, 200, 'a page cannot read it');
      t.equal(headers['access-control-allow-origin'], undefined, origin);
      t.equal(headers['vary'], 'Origin');
    }
    const { headers } = await read(node, {});
    t.equal(headers['vary'], 'Origin', 'a cache gives nobody what was asked without an Origin');
    for (const path of ['/api/topics', '/livez', '/nowhere', '/']) {
      t.equal((await read(node, {}, path)).headers['x-content-type-options'], 'nosniff', path);
    }
  },
);

t.test('serve as the table has it: all pages, and a warning', async (t) => {
  const node = await start(t, {});
  t.equal(await publish(node, { origin: EVIL, host: 'any.example' }), 'stored');
  t.equal(await upgrade(node, { origin: EVIL }), 101);
  t.match(node.output(), /CORS_ORIGIN: \* lets any web page/);
});

t.test('named hosts: those, addresses and this machine', async (t) => {
  const node = await start(t, { ALLOWED_HOSTS: 'One.example,two.example' });
  for (const host of ['one.example', 'TWO.example:80', '10.0.0.1', 'localhost:1']) {
    t.equal((await read(node, { host })).statusCode, 200, host);
  }
  for (const host of [
    'three.example',
    'one.example.evil',
    'x.one.example',
    'one.example,two.example',
  ]) {
    t.equal((await read(node, { host })).statusCode, 403, host);
  }
});
