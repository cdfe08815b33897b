// Goal: one address opens no more connections in a second than ACCEPT_RATE_MAX, past a burst; those that are
// open go on, those of trusted proxies are not counted, and what was closed is counted.
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t, { type Test } from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode, type TestNode } from '../../native-bench/rig/node.js';
import { request } from '../support/clients/publisher.js';
import { writeCertificate } from '../support/servers/certificate-files.js';

const RATE = 5;
const BURST = 20 * RATE;
const SENT = BURST + 60;

interface Opened {
  sockets: net.Socket[];
  closed: () => number;
}

/** All at once; none sends anything. */
async function open(t: Test, { port }: TestNode): Promise<Opened> {
  let closed = 0;
  const sockets = Array.from({ length: SENT }, () => net.connect({ port, host: '127.0.0.1' }));
  t.teardown(() => sockets.map((socket) => socket.destroy()));
  for (const socket of sockets) {
    socket.on('error', () => undefined);
    socket.once('close', () => {
      closed++;
    });
  }
  return { sockets, closed: () => closed };
}

function stats(node: TestNode, agent?: http.Agent): Promise<{ body: Record<string, unknown> }> {
  return request(`${node.url}/api/stats`, agent === undefined ? {} : { agent });
}

t.test('two acceptors give no more than one', async (t) => {
  const node = await startNode({ WORKERS: '1', ACCEPTORS: '2', ACCEPT_RATE_MAX: String(RATE) });
  t.teardown(() => node.kill9());
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  await stats(node, agent);
  await open(t, node);
  await eventually(async () => {
    // Not those that are closed later, for saying nothing. On a slow machine more are gained meanwhile.
    const { body } = await stats(node, agent);
    return Number(body['refused_connections']) >= (SENT - BURST) / 3;
  });
});

t.test('past the burst connections are closed, and those that were there go on', async (t) => {
  const node = await startNode({ WORKERS: '1', ACCEPT_RATE_MAX: String(RATE) });
  t.teardown(() => node.kill9());
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  await stats(node, agent);
  const opened = await open(t, node);
  await eventually(() => opened.closed() >= SENT - BURST - RATE);
  t.match(await stats(node, agent), { status: 200 }, 'over the connection that was there');
  const { body } = await stats(node, agent);
  t.ok(Number(body['refused_connections']) >= SENT - BURST - RATE, 'they are counted');
  await eventually(() =>
    stats(node).then(
      () => true,
      () => false,
    ),
  );
  t.equal((await request(`${node.url}/readyz`, { agent })).status, 200);
});

t.test('those of trusted proxies are not counted', async (t) => {
  const proxies = { TRUSTED_PROXIES: '10.0.0.0/8,127.0.0.0/8' };
  const node = await startNode({ WORKERS: '1', ACCEPT_RATE_MAX: '1', ...proxies });
  t.teardown(() => node.kill9());
  const { sockets, closed } = await open(t, node);
  let answers = 0;
  for (const socket of sockets) {
    socket.once('data', () => {
      answers++;
    });
    socket.write('GET /livez HTTP/1.1\r\nHost: a\r\n\r\n');
  }
  await eventually(() => answers === SENT);
  t.equal(closed(), 0);
  t.match(await stats(node), { body: { refused_connections: 0 } });
});

t.test('with TLS they are closed before anything is agreed on', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'conduit-accept-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const { certFile, keyFile } = writeCertificate(folder, 'own');
  const files = { TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile };
  const node = await startNode({ WORKERS: '1', ACCEPT_RATE_MAX: String(RATE), ...files });
  t.teardown(() => node.kill9());
  // Those that say nothing are closed later, too: what counts is who was refused.
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
  t.teardown(() => agent.destroy());
  await stats(node, agent);
  const { closed } = await open(t, node);
  await eventually(async () => {
    const { body } = await stats(node, agent);
    return Number(body['refused_connections']) >= SENT - BURST - RATE;
  });
  await eventually(() => closed() >= SENT - BURST - RATE);
  t.equal(node.process.exitCode, null);
});
