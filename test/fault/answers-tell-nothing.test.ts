// Goal: while the database fails, whatever a client asks is answered with what it can act on: a code and
// a text of ours. What PostgreSQL and the driver said (SQL, names, hosts, ports) is in the node's log only.
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';

const LEAK =
  /conduit\.|relation|schema "|column|does not exist|\bpg_|E[A-Z]{4,}\b|127\.0\.0\.1|localhost|\b\d{5}\b|SELECT |INSERT |UPDATE |COPY |\.[jt]s\b|node_modules|\/[a-z]+\/[a-z]+\//;

const JSON_TYPE = { 'content-type': 'application/json' };
const PUBLISH = '{"topic":"told","payload":1}';
const ID = '01900000-0000-7000-8000-000000000000';
/** Every route that asks the log. */
const ASKED: [method: string, path: string, body?: string, type?: string][] = [
  ['POST', '/api/publish', PUBLISH],
  ['POST', '/api/publish', '{"topic":"new","payload":1}'],
  ['POST', '/api/publish', '{"topic":"told","payload":1,"dedupe_key":"k"}'],
  ['POST', '/api/publish', '{"topic":"told","payload":1,"delay_ms":1000}'],
  ['POST', '/api/publish/batch', `[${PUBLISH},${PUBLISH}]`],
  ['POST', '/api/publish/batch', `${PUBLISH}\n${PUBLISH}`, 'application/x-ndjson'],
  ['GET', '/api/topics'],
  ['POST', '/api/topics', '{"name":"new"}'],
  ['GET', '/api/topics/told'],
  ['PATCH', '/api/topics/told', '{"retention":{"hours":1}}'],
  ['DELETE', '/api/topics/told'],
  ['GET', '/api/topics/told/messages'],
  ['GET', '/api/topics/told/position'],
  ['GET', '/api/topics/new/events'],
  ['GET', '/api/deferred'],
  ['DELETE', '/api/deferred/1'],
  ['GET', '/api/subscriptions'],
  ['GET', '/api/subscriptions/told/s'],
  ['GET', '/api/dead-letters'],
  ['GET', '/api/dead-letters/1'],
  ['DELETE', '/api/dead-letters/1'],
  ['POST', '/api/dead-letters/purge', '{"ids":[1]}'],
  ['GET', `/api/messages/${ID}`],
  ['GET', '/api/stats'],
  ['GET', '/api/health'],
  ['GET', '/readyz'],
];

async function askAll(url: string): Promise<string[]> {
  return Promise.all(
    ASKED.map(async ([method, path, body, type]) => {
      const headers =
        body === undefined ? {} : { 'content-type': type ?? JSON_TYPE['content-type'] };
      const more = body === undefined ? {} : { body };
      const answer = await request(`${url}${path}`, { method, headers, ...more });
      return `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`;
    }),
  );
}

const FRAMES = [
  { type: 'publish', topic: 'told', payload: 1 },
  { type: 'publish', topic: 'new', payload: 1 },
  { type: 'subscribe', topic: 'new' },
  { type: 'subscribe', topic: 'told', subscription: 'other' },
];

async function sayAll(wsUrl: string): Promise<string[]> {
  const all = await Promise.all(
    (['seed', 'json', 'msgpack'] as const).map(async (format) => {
      const session = await Subscriber.open(wsUrl, format);
      for (const [ref, frame] of FRAMES.entries()) session.send({ ...frame, ref });
      for (const ref of FRAMES.keys()) await session.waitFor((frame) => frame.ref === ref, 20_000);
      session.close();
      return session.control.map((frame) => JSON.stringify({ ...frame, message_id: undefined }));
    }),
  );
  return all.flat();
}

t.test(
  'no answer tells SQL, hosts, ports, paths or stacks, and the log tells the cause',
  async (t) => {
    const postgres = await startPostgres();
    t.teardown(() => postgres.stop());
    // Beside another test's node its own name would end with its port.
    const node = await startNode({ DATABASE_URL: postgres.url, NODE_ID: 'told' });
    t.teardown(() => node.kill9());
    await request(`${node.url}/api/topics`, {
      method: 'POST',
      headers: JSON_TYPE,
      body: '{"name":"told"}',
    });
    await request(`${node.url}/api/publish`, { method: 'POST', headers: JSON_TYPE, body: PUBLISH });
    const check = async (what: string, cause: RegExp): Promise<string[]> => {
      const told = (await Promise.all([askAll(node.url), sayAll(node.wsUrl)])).flat();
      for (const line of told)
        t.notMatch(line.replace(/^[^{]*/, '').replace(/"request_id":"[^"]*"/, ''), LEAK, what);
      // Its lines come by way of the main thread and a pipe.
      await eventually(() => cause.test(node.output())).catch(() => undefined);
      t.match(node.output(), cause, `${what}: the log says why`);
      return told;
    };

    const admin = new pg.Client({ connectionString: postgres.url });
    await admin.connect();
    await admin.query('ALTER SCHEMA conduit RENAME TO elsewhere');
    const missing = await check(
      'a schema that is gone',
      /(relation|schema) \\"conduit[.\w]*\\" does not exist/,
    );
    const refused = missing.filter((line) => line.startsWith('POST /api/publish: 503'));
    t.ok(refused.length > 0, 'publishes are refused');
    t.match(refused[0], '"detail":"a table or function of the schema is missing"');
    await admin.query('ALTER SCHEMA elsewhere RENAME TO conduit');
    await admin.end();
    const isWell = async (): Promise<boolean> =>
      (await request(`${node.url}/readyz`, {})).status === 200;
    await eventually(isWell);

    await postgres.kill9();
    await eventually(async () => (await request(`${node.url}/api/health`, {})).status === 503);
    const lost = await check('a database that is down', /ECONNREFUSED|Connection terminated/);
    const health = lost.find((line) => line.startsWith('GET /api/health')) ?? '';
    t.match(health, '503');
    t.match(health, '"log":"the log cannot be reached"');
    await postgres.start();
    await eventually(isWell);
  },
);
