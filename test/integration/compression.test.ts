// Goal: nothing that comes is unpacked, so nothing small can be made large: compression of WebSockets is not
// agreed to, a compressed frame ends the connection, and a body with a Content-Encoding is refused by name.
import http from 'node:http';
import type { Duplex } from 'node:stream';
import { deflateRawSync, gzipSync } from 'node:zlib';
import t from 'tap';
import WebSocket from 'ws';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { request } from '../support/clients/publisher.js';
import { ROUTES } from '../support/documents/described-routes.js';
import { nameOf, targetOf } from '../support/documents/route-requests.js';

/** 16 MiB of spaces around a publish, in 16 KiB. */
const BOMB = gzipSync(`${' '.repeat(16 * 1024 * 1024)}{"topic":"fuzz","payload":1}`);

const node = await startNode({ WORKERS: '1' });
t.teardown(() => node.kill9());
const JSON_TYPE = { 'content-type': 'application/json' };
const topic = { method: 'POST', headers: JSON_TYPE, body: '{"name":"fuzz"}' };
await request(`${node.url}/api/topics`, topic);

t.test('a client that offers compression gets a session without it', async (t) => {
  const socket = new WebSocket(`${node.wsUrl}/ws`, { perMessageDeflate: { threshold: 0 } });
  const answered = new Promise<http.IncomingMessage>((resolve) => socket.once('upgrade', resolve));
  await new Promise((resolve) => socket.once('open', resolve));
  t.equal(socket.extensions, '');
  t.equal((await answered).headers['sec-websocket-extensions'], undefined);
  const told = new Promise<string>((resolve) =>
    socket.once('message', (data) => resolve(`${data}`)),
  );
  socket.send('{"type":"heartbeat","ref":"plain"}');
  t.match(await told, /"heartbeat_ack".*"plain"/);
  socket.close();
});

function upgraded(extensions: string): Promise<Duplex> {
  const headers = {
    ...{ Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' },
    ...{ 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Extensions': extensions },
  };
  return new Promise((resolve, reject) => {
    const call = http.get(`${node.url}/ws`, { headers });
    call.on('upgrade', (_response, socket) => resolve(socket));
    call.on('error', reject);
  });
}

t.test('one that sends compressed frames all the same is cut off', async (t) => {
  const socket = await upgraded('permessage-deflate; client_max_window_bits');
  let isClosed = false;
  let said = '';
  socket.on('data', (bytes: Buffer) => {
    said += bytes.toString('latin1');
  });
  for (const end of ['end', 'close', 'error']) {
    socket.on(end, () => {
      isClosed = true;
    });
  }
  const packed = deflateRawSync('{"type":"heartbeat","ref":"packed"}');
  // FIN, RSV1 (RFC 7692), text; masked with zeros.
  const head = Buffer.from([0xc1, 0x80 | packed.length, 0, 0, 0, 0]);
  socket.write(Buffer.concat([head, packed]));
  await eventually(() => isClosed);
  t.notMatch(said, /packed/);
  socket.destroy();
});

t.test('a body that says it is compressed is refused, on each route that takes one', async (t) => {
  for (const route of ROUTES.filter(({ body }) => body !== null)) {
    const { method } = route;
    for (const encoding of ['gzip', 'deflate', 'br', 'zstd', 'identity, gzip', 'GZIP']) {
      const headers = { ...JSON_TYPE, 'content-encoding': encoding };
      const sent = { method, headers, body: BOMB };
      const answer = await request(`${node.url}${targetOf(route.path)}`, sent);
      t.match(answer, {
        ...{ status: 415, body: { code: 'unsupported_encoding', field: 'Content-Encoding' } },
      });
      t.equal(answer.headers['content-encoding'], undefined, nameOf(route));
    }
  }
  const { body } = await request(`${node.url}/api/topics/fuzz/position`, {});
  t.equal(body['sequence'], 0, 'nothing was stored');
});
