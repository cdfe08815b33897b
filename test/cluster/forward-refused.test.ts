// Goal: POST /internal/forward takes what nodes of this cluster send, and nothing else: without the secret,
// or with another, of whatever length, nothing is read; what cannot be of a node is refused, counted, and
// told in a line of its kind; with certificates nobody is let in who shows none of the authority.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t, { type Test } from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { freePort } from '../../native-bench/rig/free-port.js';
import type { TestNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { Envelopes } from '../../src/backplane/envelopes.js';
import { FORWARD_BYTES_MAX, packForward } from '../../src/backplane/forward-body.js';
import { type Answer, request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { logRow } from '../support/log/log-rows.js';
import { ask, backplaneOf, publish, SECRET, startReachable } from '../support/nodes/node-pair.js';
import { writeCertificate } from '../support/servers/certificate-files.js';

const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const env = { DATABASE_URL: postgres.url, INTERNAL_SECRET: SECRET };
const folder = mkdtempSync(path.join(tmpdir(), 'conduit-internal-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

async function start(t: Test, more: Record<string, string | undefined>): Promise<TestNode> {
  const node = await startReachable({ ...env, ...more });
  t.teardown(() => node.kill9());
  return node;
}

const refusedBy = async (node: TestNode): Promise<number> =>
  Number((await ask(node, '/api/stats')).body['refused_forwards']);

const bootOf = async (node: TestNode, id: string): Promise<string> => {
  const { body } = await ask(node, '/api/nodes');
  const nodes = body['nodes'] as { id: string; boot_id: string }[];
  return nodes.find((one) => one.id === id)?.boot_id ?? '';
};

function forward(url: string, body: Buffer, secret: string | null): Promise<Answer> {
  const headers = { 'content-type': 'application/octet-stream' };
  const shown = secret === null ? headers : { ...headers, 'x-internal-secret': secret };
  const target = `${url}/internal/forward`;
  return request(target, { method: 'POST', headers: shown, body });
}

const messages = [{ channel: 'conduit:nobody', message: Buffer.from('x') }];

t.test('who does not know the secret, and what no node sends', async (t) => {
  const a = await start(t, { NODE_ID: 'a' });
  const b = await start(t, { NODE_ID: 'b' });
  const bootId = await bootOf(a, 'b');
  const good = packForward({ cluster: 'conduit', bootId, messages });
  t.match(await forward(a.url, good, SECRET), {
    status: 200,
    body: { accepted: 1, unheard: [0] },
  });
  const shown = [null, '', 'x', SECRET.slice(1), `${SECRET}x`, 'x'.repeat(SECRET.length)];
  const own = await bootOf(a, 'a');
  const of = (more: object): Buffer =>
    packForward({ cluster: 'conduit', bootId, messages, ...more });
  const bodies: [what: string, body: Buffer, status: number, code: string][] = [
    ['its cluster', of({ cluster: 'other' }), 403, 'not_a_node'],
    ['a node that is not there', of({ bootId: randomUUID() }), 403, 'not_a_node'],
    ['itself', of({ bootId: own }), 403, 'not_a_node'],
    ['another version', Buffer.from([9, ...good.subarray(1)]), 400, 'bad_request'],
    ['cut off', good.subarray(0, -1), 400, 'bad_request'],
    ['noise', Buffer.from([1, 255]), 400, 'bad_request'],
    ['too long', Buffer.alloc(FORWARD_BYTES_MAX + 1, 1), 413, 'body_too_large'],
  ];
  let refused = 0;
  for (const secret of shown) {
    t.match(await forward(a.url, good, secret), { status: 403, body: { code: 'not_a_node' } });
    t.equal(await refusedBy(a), ++refused);
  }
  for (const [what, body, status, code] of bodies) {
    t.match(await forward(a.url, body, SECRET), { status, body: { code } }, what);
    t.equal(await refusedBy(a), ++refused, what);
  }
  for (let n = 0; n < 200; n++) await forward(a.url, good, 'x'.repeat(32));
  t.equal(await refusedBy(a), refused + 200);
  const lines = a
    .output()
    .split('\n')
    .filter((line) => /what came by POST/.test(line));
  t.equal(lines.length, 6, 'one of each kind, not one of each');
  t.notMatch(a.output(), SECRET);
  t.equal((await ask(b, '/readyz')).status, 200);
});

t.test('what is forwarded is checked as what Redis brings', async (t) => {
  const a = await start(t, { NODE_ID: 'a' });
  await start(t, { NODE_ID: 'b' });
  const bootId = await bootOf(a, 'b');
  const onA = await Subscriber.open(a.wsUrl, 'json');
  const { epoch } = await onA.subscribe('target', { ack: 'none' });
  await publish(a, { topic: 'target', payload: 'before' });
  const forged = (secret: string, sequence: number): Buffer => {
    const rows = [logRow(sequence, Buffer.from('"forged"'))];
    const [envelope] = new Envelopes({ cluster: 'conduit', origin: 'x', secret }).ofRows(
      `${epoch}`,
      rows,
    );
    const message = envelope ?? Buffer.alloc(0);
    const channel = `conduit:${epoch}`;
    return packForward({ cluster: 'conduit', bootId, messages: [{ channel, message }] });
  };
  t.match((await forward(a.url, forged('y'.repeat(32), 2), SECRET)).body, { unheard: [] });
  await eventually(async () => (await backplaneOf(a)).dropped['mac'] === 1);
  await forward(a.url, forged(SECRET, 1), SECRET);
  await eventually(async () => (await backplaneOf(a)).dropped['stale'] === 1);
  await publish(a, { topic: 'target', payload: 'after' });
  await eventually(() => onA.messages.length === 2);
  t.same(
    onA.messages.map(({ payload }) => payload),
    ['before', 'after'],
  );
  onA.close();
});

t.test('without INTERNAL_SECRET there is no such path', async (t) => {
  const node = await start(t, { NODE_ID: 'open', INTERNAL_SECRET: undefined });
  t.match(await forward(node.url, Buffer.from('x'), SECRET), {
    status: 404,
    body: { code: 'not_found' },
  });
});

t.test('a port of its own, on which both sides show certificates', async (t) => {
  const ours = writeCertificate(folder, 'ours');
  const theirs = writeCertificate(folder, 'theirs');
  const files = {
    INTERNAL_CA_FILE: ours.certFile,
    INTERNAL_CERT_FILE: ours.certFile,
    INTERNAL_KEY_FILE: ours.keyFile,
  };
  const port = await freePort();
  const a = await start(t, { ...files, NODE_ID: 'a', INTERNAL_PORT: `${port}` });
  const b = await start(t, { ...files, NODE_ID: 'b', INTERNAL_PORT: `${await freePort()}` });
  const onB = await Subscriber.open(b.wsUrl, 'json');
  await onB.subscribe('secure', { ack: 'none' });
  await eventually(async () => {
    const next = onB.messages.length + 1;
    await publish(a, { topic: 'secure', payload: 1 });
    await eventually(() => onB.messages.length >= next);
    return (await backplaneOf(b)).received > 2;
  });
  t.equal((await backplaneOf(a)).unforwarded, 0);
  const bootId = await bootOf(a, 'b');
  const body = packForward({ cluster: 'conduit', bootId, messages });
  t.match(await forward(a.url, body, SECRET), { status: 404 }, 'PORT takes it no more');
  const { ca, cert, key } = await pem(ours);
  t.equal(await postTls(port, body, { ca, cert, key }), 200);
  t.equal(await postTls(port, body, { ca, cert, key }, 'x'.repeat(32)), 403);
  const long = Buffer.alloc(FORWARD_BYTES_MAX + 1, 1);
  t.equal(await postTls(port, long, { ca, cert, key }), 413);
  const refused = await refusedBy(a);
  t.equal(refused, 2);
  for (const shown of [{ ca }, { ...(await pem(theirs)), ca }]) {
    await t.rejects(postTls(port, body, shown), /ECONNRESET|certificate|alert|socket hang up/i);
  }
  await t.resolveMatch(inTheClear(port), /^$|400/);
  t.equal(await refusedBy(a), refused, 'who shows no certificate is not heard at all');
  onB.close();
  for (const node of [a, b]) t.equal(await node.stop(), 0);
});

t.test('half of what certificates need, or none that can be used, ends the start', async (t) => {
  const ours = writeCertificate(folder, 'half');
  const cases: [Record<string, string>, RegExp][] = [
    [{ INTERNAL_CA_FILE: ours.certFile }, /INTERNAL_PORT: is unset/],
    [{ INTERNAL_PORT: '1', INTERNAL_CA_FILE: ours.certFile }, /INTERNAL_CERT_FILE: is unset/],
    [
      {
        ...{ INTERNAL_PORT: '1', INTERNAL_CA_FILE: '/nowhere' },
        ...{ INTERNAL_CERT_FILE: ours.certFile, INTERNAL_KEY_FILE: ours.keyFile },
      },
      /INTERNAL_CA_FILE=\/nowhere: cannot be read \(ENOENT\)/,
    ],
  ];
  for (const [more, said] of cases) await t.rejects(startReachable({ ...env, ...more }), said);
});

async function pem(files: { certFile: string; keyFile: string; cert: string }) {
  const { readFile } = await import('node:fs/promises');
  return { ca: files.cert, cert: files.cert, key: await readFile(files.keyFile, 'utf8') };
}

/** The status. */
function postTls(
  port: number,
  body: Buffer,
  tls: { ca: string; cert?: string; key?: string },
  secret = SECRET,
): Promise<number> {
  const headers = { 'x-internal-secret': secret, 'content-length': body.length };
  const options = { method: 'POST', headers, agent: false, ...tls };
  return new Promise((resolve, reject) => {
    const asked = https.request(`https://127.0.0.1:${port}/internal/forward`, options, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    asked.once('error', reject);
    asked.end(body);
  });
}

/** What comes back for a request without TLS. */
function inTheClear(port: number): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = net.connect(port, '127.0.0.1');
    socket.on('data', (part) => {
      text += part.toString('latin1');
    });
    socket.once('error', () => resolve(text));
    socket.once('close', () => resolve(text));
    socket.end('POST /internal/forward HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n');
  });
}
