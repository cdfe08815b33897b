/**
 * `npm run upgrade -- PROGRAM`: nodes of another version, whose built dist/src/cli/conduit.js that is, are
 * replaced by nodes of this one, one after the other, under load, on one PostgreSQL and one Redis; for the
 * time between both versions work side by side. Prints what happened; 1 is the exit code when anything was
 * lost, made up or out of order.
 */
import { eventually } from '../native-bench/rig/eventually.js';
import { freePort } from '../native-bench/rig/free-port.js';
import { startNode, type TestNode } from '../native-bench/rig/node.js';
import { startPostgres } from '../native-bench/rig/postgres.js';
import { RollingLoad } from './support/chaos/rolling-load.js';
import { ask, postJson, SECRET } from './support/nodes/node-pair.js';
import { startRedis } from './support/servers/redis-server.js';

const BETWEEN = 200;
const TOPIC = 'upgraded';
const [program] = process.argv.slice(2);
if (program === undefined) {
  process.stderr.write(
    'npm run upgrade -- PROGRAM, the dist/src/cli/conduit.js of another version\n',
  );
  process.exit(78);
}
const postgres = await startPostgres();
const redis = await startRedis();
const nodes: TestNode[] = [];
try {
  process.exitCode = (await roll(program)) ? 0 : 1;
} finally {
  for (const node of nodes) await node.kill9();
  await redis.stop();
  await postgres.stop();
}

async function roll(old: string): Promise<boolean> {
  const ids = ['a', 'b'];
  const ports = [await freePort(), await freePort()];
  const envs = ids.map((NODE_ID, n) => ({
    ...{ DATABASE_URL: postgres.url, REDIS_URL: redis.url, INTERNAL_SECRET: SECRET, NODE_ID },
    ...{ PORT: `${ports[n]}`, NODE_ADDR: `127.0.0.1:${ports[n]}` },
  }));
  for (const env of envs) nodes.push(await startNode(env, { program: old }));
  await postJson(nodes[0] as TestNode, '/api/topics', { name: TOPIC });
  const load = new RollingLoad(TOPIC, nodes);
  const more = (): Promise<void> => {
    const before = load.history.length;
    return eventually(() => load.history.length > before + BETWEEN, 120_000);
  };
  load.start();
  await more();
  for (const [n, env] of envs.entries()) {
    const code = await nodes[n]?.stop();
    nodes[n] = await startNode(env);
    say(`${env.NODE_ID}: the other version ended with ${code}, this one runs`);
    await more();
    const { body } = await ask(nodes[n] as TestNode, '/api/nodes');
    const listed = body['nodes'] as { id: string; version: string; state: string }[];
    say(
      `  nodes: ${listed.map(({ id, version, state }) => `${id} ${version} ${state}`).join(', ')}`,
    );
  }
  const wrong = await load.end(postgres.url);
  for (const line of wrong) say(`wrong: ${line}`);
  for (const node of nodes) {
    const lines = node.output().trim();
    if (lines !== '') say(lines);
  }
  say(`${load.history.length} messages, ${load.first.length} consumed, ${wrong.length} wrong`);
  return wrong.length === 0;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
