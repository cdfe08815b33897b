// Goal: a stream that cannot go on ends broken: the connection closes without the last chunk, and nothing
// but the stream's own lines was ever written to it, so that nobody takes half an export for the whole.
import net from 'node:net';
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { request } from '../support/clients/publisher.js';
import { startCutProxy } from '../support/servers/cut-proxy.js';

/** More than the sockets' buffers hold: the export has to wait for its reader. */
const LETTERS = 48;
const LETTER_BYTES = 1_000_000;

interface Download {
  socket: net.Socket;
  /** Nothing is read until this. */
  readOn(): void;
  bytes(): Buffer;
  ended: Promise<void>;
}

async function startExport(port: number, method = 'GET'): Promise<Download> {
  const socket = net.connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => undefined);
  socket.write(
    `${method} /api/dead-letters?topic=given HTTP/1.1\r\nHost: a\r\nAccept: application/x-ndjson\r\n\r\n`,
  );
  await new Promise<void>((resolve) =>
    socket.once('readable', () => {
      chunks.push(socket.read(1) ?? Buffer.alloc(0));
      resolve();
    }),
  );
  const readOn = (): void => {
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  };
  return { socket, readOn, bytes: () => Buffer.concat(chunks), ended };
}

/** The body of a chunked answer, and whether its last chunk came. Throws at what is no chunk. */
function dechunk(answer: Buffer): { head: string; body: string; isWhole: boolean } {
  const headEnd = answer.indexOf('\r\n\r\n');
  if (headEnd < 0) return { head: '', body: '', isWhole: false };
  let at = headEnd + 4;
  const head = answer.toString('latin1', 0, at);
  const parts: Buffer[] = [];
  for (;;) {
    const lineEnd = answer.indexOf('\r\n', at);
    if (lineEnd < 0) break;
    const size = answer.toString('latin1', at, lineEnd);
    if (!/^[0-9a-f]{1,8}$/i.test(size)) throw new Error(`not a chunk: ${size.slice(0, 80)}`);
    const bytes = Number.parseInt(size, 16);
    if (bytes === 0) return { head, body: Buffer.concat(parts).toString(), isWhole: true };
    parts.push(answer.subarray(lineEnd + 2, lineEnd + 2 + bytes));
    at = lineEnd + 2 + bytes + 2;
  }
  return { head, body: Buffer.concat(parts).toString(), isWhole: false };
}

t.test('an export during which the database goes away', async (t) => {
  const postgres = await startPostgres();
  t.teardown(() => postgres.stop());
  const proxy = await startCutProxy(postgres.port);
  t.teardown(() => proxy.close());
  const url = `postgres://postgres@127.0.0.1:${proxy.port}/postgres`;
  const node = await startNode({ DATABASE_URL: url });
  t.teardown(() => node.kill9());
  const headers = { 'content-type': 'application/json' };
  const body = '{"name":"given"}';
  await request(`${node.url}/api/topics`, { method: 'POST', headers, body });
  const admin = new pg.Client({ connectionString: postgres.url });
  await admin.connect();
  await admin.query(
    `INSERT INTO conduit.dead_letters (topic_id, session, sequence, message_id, published_at,
       content_type, payload, reason, attempts, first_failed_at, last_failed_at)
     SELECT id, 's', n, gen_random_uuid(), now(), 0,
       convert_to('"' || repeat('x', $1) || '"', 'UTF8'), 'rejected', 1, now(), now()
     FROM conduit.topics, generate_series(1, $2::int) n WHERE name = 'given'`,
    [LETTER_BYTES, LETTERS],
  );
  await admin.end();

  const broken = await startExport(node.port);
  // Whatever is asked from now on fails.
  proxy.fromClient = () => 'cut';
  broken.readOn();
  await broken.ended;
  const half = dechunk(broken.bytes());
  t.match(half.head, /^HTTP\/1\.1 200 OK\r\n/);
  t.notOk(half.isWhole, 'no last chunk');
  t.notMatch(half.body, /HTTP\/1\.1|problem\+json|X-Request-Id|"code"/, 'nothing else in it');
  t.ok(half.body.startsWith('{"') && half.body.length > LETTER_BYTES, 'some of it came');

  proxy.fromClient = () => 'pass';
  await eventually(async () => (await request(`${node.url}/readyz`, {})).status === 200);
  const whole = await startExport(node.port);
  whole.readOn();
  await eventually(() => dechunk(whole.bytes()).isWhole);
  whole.socket.destroy();
  const lines = dechunk(whole.bytes()).body.trimEnd().split('\n');
  t.equal(lines.length, LETTERS, 'the same export is whole afterwards');
  for (const line of lines) t.type((JSON.parse(line) as { id: unknown }).id, 'number');

  const head = await startExport(node.port, 'HEAD');
  head.readOn();
  head.socket.write('GET /livez HTTP/1.1\r\nHost: a\r\n\r\n');
  await eventually(() => head.bytes().includes('{"status":"ok"}'));
  head.socket.destroy();
  t.notMatch(
    head.bytes().toString(),
    '"payload"',
    'a HEAD has no body, and its connection goes on',
  );

  // They wait for their first page until the lock is gone; the one too many does not.
  const holder = new pg.Client({ connectionString: postgres.url });
  await holder.connect();
  await holder.query('BEGIN');
  await holder.query('LOCK TABLE conduit.dead_letters IN ACCESS EXCLUSIVE MODE');
  const options = { headers: { accept: 'application/x-ndjson' } };
  const list = `${node.url}/api/dead-letters?limit=1`;
  const asked = Array.from({ length: 17 }, () => request(list, options));
  const refused = await Promise.race(asked);
  t.match(refused, { status: 503, body: { code: 'busy', detail: /^16 exports/ } });
  await holder.end();
  const answers = await Promise.all(asked);
  t.equal(answers.filter(({ status }) => status === 200).length, 16);
  t.equal((await request(list, options)).status, 200, 'their places are free again');
});
