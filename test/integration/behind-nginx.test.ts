// Goal: what uWebSockets hides from the node, a proxy in front of it normalises or refuses, with the very
// configuration that docs/security.md shows.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { freePort } from '../../native-bench/rig/free-port.js';
import { PACKAGE_FOLDER, startNode } from '../../native-bench/rig/node.js';
import { request } from '../support/clients/publisher.js';
import { openRaw } from '../support/clients/raw-http.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { startNginx } from '../support/servers/nginx.js';

const shown = /```nginx\n([\s\S]*?)```/.exec(
  readFileSync(path.join(PACKAGE_FOLDER, 'docs/security.md'), 'utf8'),
)?.[1];
const node = await startNode();
t.teardown(() => node.kill9());
const port = await freePort();
const url = `http://127.0.0.1:${port}`;
const config = (shown ?? '').replace('listen 80;', `listen 127.0.0.1:${port};`);
const proxy = await startNginx(
  config.replace('server 127.0.0.1:8080;', `server 127.0.0.1:${node.port};`),
  async () => {
    const answer = await request(`${url}/livez`, {}).catch(() => null);
    return answer?.status === 200;
  },
);
t.teardown(() => proxy.stop());
const headers = { 'content-type': 'application/json' };
await request(`${url}/api/topics`, { method: 'POST', headers, body: '{"name":"proxied"}' });

const BODY = '{"topic":"proxied","payload":1}';
const HEAD = 'POST /api/publish HTTP/1.1\r\nHost: a\r\n';
const LENGTH = `Content-Length: ${BODY.length}\r\n`;
const CHUNKED = `${HEAD}Transfer-Encoding: chunked\r\n\r\n`;
const SIZE = BODY.length.toString(16);

async function position(): Promise<number> {
  return Number((await request(`${node.url}/api/topics/proxied/position`, {})).body['sequence']);
}

/** What the proxy answers to it, and how many messages that stored. */
async function send(parts: readonly string[], answers = 1): Promise<[number[], number]> {
  const before = await position();
  const connection = openRaw(port);
  for (const [n, part] of parts.entries()) {
    if (n > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    connection.socket.write(part);
  }
  await eventually(() => connection.isClosed() || connection.statuses().length >= answers);
  connection.socket.destroy();
  return [connection.statuses(), (await position()) - before];
}

t.test('what others might read differently never reaches the node', async (t) => {
  const cases: [what: string, bytes: string, statuses: number[]][] = [
    ['two unequal lengths', `${HEAD}${LENGTH}Content-Length: 5\r\n\r\n${BODY}`, [400]],
    ['two equal lengths', `${HEAD}${LENGTH}${LENGTH}\r\n${BODY}`, [400]],
    ['two hosts', `${HEAD}Host: b\r\n${LENGTH}\r\n${BODY}`, [400]],
    ['junk behind a chunk', `${CHUNKED}${SIZE}\r\n${BODY}XX0\r\nXX`, [400]],
    ['no host', 'GET /livez HTTP/1.1\r\n\r\n', [400]],
  ];
  for (const [what, bytes, statuses] of cases) t.same(await send([bytes]), [statuses, 0], what);
});

t.test('what the node would not read reaches it as any other request', async (t) => {
  const cases: [what: string, parts: string[]][] = [
    ['trailers', [`${CHUNKED}${SIZE}\r\n${BODY}\r\n0\r\nX: y\r\n\r\n`]],
    ['a chunk extension', [`${CHUNKED}${SIZE};a=b\r\n${BODY}\r\n0\r\n\r\n`]],
    ['lines of chunks that end in LF', [`${CHUNKED}${SIZE}\n${BODY}\n0\n\n`]],
    [
      'a request line in pieces',
      ['POST ', '/api/pub', `lish HTTP/1.1\r\nHost: a\r\n${LENGTH}\r\n${BODY}`],
    ],
  ];
  for (const [what, parts] of cases) t.same(await send(parts), [[200], 1], what);
});

t.test('pipelined publishes are answered in order', async (t) => {
  const one = `${HEAD}${LENGTH}\r\n${BODY}`;
  t.same(await send([one.repeat(3)], 3), [[200, 200, 200], 3]);
});

t.test('WebSockets and streams go through', async (t) => {
  const session = await Subscriber.open(`ws://127.0.0.1:${port}`, 'json');
  await session.subscribe('proxied');
  const stream = openRaw(port);
  stream.socket.write('GET /api/topics/proxied/events HTTP/1.1\r\nHost: a\r\n\r\n');
  await eventually(() => stream.text().includes('retry:'));
  await request(`${url}/api/publish`, { method: 'POST', headers, body: BODY });
  await eventually(() => session.messages.length === 1);
  await eventually(() => stream.text().includes('event: message'));
  t.match(session.messages[0], { topic: 'proxied', payload: 1 });
  stream.socket.destroy();
  session.close();
});
