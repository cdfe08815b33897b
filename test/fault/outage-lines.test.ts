// Goal: an outage of the database is a line when it begins and one when it is over, with no stack, however
// many workers and requests meet it; a stop in order says nothing.
import pg from 'pg';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { startCutProxy } from '../support/servers/cut-proxy.js';

const server = await startPostgres();
const proxy = await startCutProxy(server.port);
const admin = new pg.Client({ connectionString: server.url });
await admin.connect();
t.teardown(async () => {
  await admin.end();
  proxy.close();
  await server.stop();
});

t.test('some seconds without PostgreSQL', async (t) => {
  const node = await startNode({
    DATABASE_URL: `postgres://postgres@127.0.0.1:${proxy.port}/postgres`,
    WORKERS: '3',
    CORS_ORIGIN: 'https://app.example',
  });
  const lines = (): string[] =>
    node
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'));
  const post = async (path: string, body: unknown): Promise<number> => {
    const headers = { 'content-type': 'application/json' };
    const init = { method: 'POST', headers, body: JSON.stringify(body) };
    const answer = await fetch(`${node.url}${path}`, init);
    await answer.arrayBuffer();
    return answer.status;
  };
  const topics = Array.from({ length: 9 }, (_, n) => `line.${n}`);
  for (const name of topics) t.equal(await post('/api/topics', { name }), 201);
  t.same(lines(), [], 'a start says nothing');
  proxy.door = 'closed';
  await admin.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'conduit/%'`,
  );
  const until = performance.now() + 4_000;
  while (performance.now() < until) {
    const asked = topics.map((topic) => post('/api/publish', { topic, payload: 1 }));
    await Promise.all([...asked, post('/api/publish', { topic: 'nowhere', payload: 1 })]);
  }
  proxy.door = 'open';
  await eventually(() => lines().some((line) => /over after/.test(line)), 30_000);
  const told = lines().map((line) => JSON.parse(line) as Record<string, string>);
  t.match(told[0], { level: 40, msg: 'PostgreSQL cannot be reached', cause: /^[^\n]+$/ });
  t.match(told.at(-1), { msg: /^PostgreSQL cannot be reached: over after [\d.]+ s, \d+ times$/ });
  t.ok(told.length <= 5, `${told.length} lines: ${told.map(({ msg }) => msg).join('; ')}`);
  t.notMatch(node.output(), /\\n {4}at /, 'no stacks');
  const before = lines().length;
  t.equal(await node.stop(), 0);
  t.same(lines().slice(before), [], 'a stop says nothing');
});
