// Goal: what the guides tell an operator to type works as it stands, on a node with keys and a PostgreSQL
// that has its tools; what they show comes. Docker, systemd, Helm and kubectl are not here.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { freePort } from '../../native-bench/rig/free-port.js';
import { COMMAND, startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { type Block, blocksOf, runShell } from '../support/documents/guide.js';
import { findPostgresTools } from '../support/servers/postgres-tools.js';

const GUIDES = ['runbook', 'migrating', 'scaling', 'restoring', 'deploying', 'configuration'];
const ELSEWHERE = /^\s*(docker|systemctl|helm|kubectl|k6) /m;
const DEFAULT_API_KEY = 'the-key-of-the-default-tenant';
const ADMIN_API_KEY = 'the-operators-own-key';

const tools = await findPostgresTools();
const postgres = await startPostgres({}, { programs: tools.bin, env: tools.env });
t.teardown(() => postgres.stop());
const auth = { ENABLE_AUTH: 'true', DEFAULT_API_KEY, ADMIN_API_KEY };
const node = await startNode({ DATABASE_URL: postgres.url, ...auth });
t.teardown(() => node.kill9());

const folder = mkdtempSync(path.join(tmpdir(), 'conduit-guides-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(
  path.join(folder, 'conduit'),
  `#!/bin/sh\nexec ${process.execPath} ${COMMAND} "$@"\n`,
);
chmodSync(path.join(folder, 'conduit'), 0o755);
const env = {
  ...{
    PATH: `${folder}:${tools.bin}:${process.env['PATH']}`,
    ADMIN_API_KEY,
    NODE_ADDR: `127.0.0.1:${node.port}`,
    ...tools.env,
  },
  ...{ CONDUIT_URL: node.url, CONDUIT_API_KEY: DEFAULT_API_KEY, DATABASE_URL: postgres.url },
};
const otherPort = await freePort();

/** A subscription that is behind, and a message that it has refused. */
async function makeTrouble(): Promise<void> {
  const headers = { 'content-type': 'application/json', 'x-api-key': DEFAULT_API_KEY };
  const post = (to: string, body: object) =>
    request(`${node.url}${to}`, { method: 'POST', headers, body: JSON.stringify(body) });
  await post('/api/topics', { name: 'orders' });
  const session = await Subscriber.open(node.wsUrl, 'json', DEFAULT_API_KEY);
  await session.subscribe('orders', { subscription: 'billing' });
  await post('/api/publish', { topic: 'orders', payload: 1 });
  await eventually(() => session.messages.length === 1);
  session.send({ type: 'reject', topic: 'orders', sequence: 1, ref: 1 });
  await session.waitFor((frame) => frame['ref'] === 1);
  session.close();
  await post('/api/publish', { topic: 'orders', payload: 2 });
}

async function runSql(body: string): Promise<void> {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  await client
    .query(`BEGIN; ${body.replace('COMMIT', 'ROLLBACK')}; ROLLBACK`)
    .finally(() => client.end());
}

/** What it printed; null: it is not for here. */
async function runBlock({ language, body }: Block): Promise<string | null> {
  if (language === 'sql') {
    await runSql(body);
    return '';
  }
  if (language !== 'sh' || ELSEWHERE.test(body)) return null;
  const here = body.replaceAll('8090', String(otherPort)).replaceAll('/tmp/', `${folder}/`);
  return runShell(here, node.url, env);
}

await makeTrouble();
for (const guide of GUIDES) {
  t.test(`docs/${guide}.md`, async (t) => {
    const blocks = blocksOf(`docs/${guide}.md`);
    for (const [n, block] of blocks.entries()) {
      const what = `${block.section}: ${block.body.split('\n', 1)[0]}`;
      const printed = await runBlock(block).catch((error: Error) => error);
      if (printed === null) continue;
      if (printed instanceof Error) {
        t.fail(`${what}\n${printed.message}`);
        continue;
      }
      const shown = blocks[n + 1]?.language === 'text' ? blocks[n + 1]?.body : undefined;
      if (shown === undefined) t.pass(what);
      else t.ok(printed.includes(`${shown}\n`), `${what} prints\n${printed}`);
    }
  });
}
