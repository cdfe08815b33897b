// Goal: what the README shows works as it stands. Its shell blocks are run, its frames are sent, and
// what comes back is compared, field by field, with what it says comes back.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import t, { type Test } from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { PACKAGE_FOLDER, startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { Subscriber } from '../support/subscriber.js';

const run = promisify(execFile);
const text = readFileSync(path.join(PACKAGE_FOLDER, 'README.md'), 'utf8');

interface Block {
  language: string;
  body: string;
}

/** The fenced blocks of a section, without their indentation. */
function blocksOf(section: string): Block[] {
  const from = text.indexOf(`\n## ${section}\n`);
  const to = text.indexOf('\n## ', from + 4);
  return [
    ...text.slice(from, to < 0 ? undefined : to).matchAll(/^( *)```(\w+)\n([\s\S]*?)^ *```$/gm),
  ].map(([, indent = '', language = '', body = '']) => ({
    language,
    body: body.replaceAll(new RegExp(`^${indent}`, 'gm'), '').trim(),
  }));
}

/** The field names that the README's answer shows must be those of the real one. */
function sameFields(t: Test, shown: string, real: Record<string, unknown>): void {
  t.same(Object.keys(real), Object.keys(JSON.parse(shown) as object), shown);
}

t.test('the quick start', async (t) => {
  const postgres = await startPostgres();
  t.teardown(() => postgres.stop());
  const node = await startNode({ DATABASE_URL: postgres.url });
  t.teardown(() => node.kill9());
  const blocks = blocksOf('Quick start');
  t.equal(blocks.length, 8);
  const [create, created, websocat, subscribe, subscribed, publish, published, message] = blocks;
  const shell = async (block: Block | undefined): Promise<Record<string, unknown>> => {
    const command = (block?.body ?? '').replaceAll('http://localhost:8080', node.url);
    const { stdout } = await run('sh', ['-c', command.replace('curl', 'curl -sS')]);
    return JSON.parse(stdout) as Record<string, unknown>;
  };
  sameFields(t, created?.body ?? '', await shell(create));
  t.match(websocat?.body, 'websocat ws://localhost:8080/ws');
  const session = await Subscriber.open(node.wsUrl, 'seed');
  session.socket.send(subscribe?.body ?? '');
  const confirmed = await session.waitFor((frame) => frame.type === 'subscribed');
  sameFields(t, subscribed?.body ?? '', confirmed);
  const answer = await shell(publish);
  sameFields(t, published?.body ?? '', answer);
  t.equal(answer['subscribers'], 1);
  await eventually(() => session.messages.length === 1);
  sameFields(t, message?.body ?? '', session.messages[0] ?? {});
  t.match(session.messages[0], { topic: 'demo', payload: { hello: 'world' }, sequence: 1 });
  session.close();
});

t.test('durable subscriptions', async (t) => {
  const node = await startNode({});
  t.teardown(() => node.kill9());
  const [subscribe, ack] = blocksOf('Durable subscriptions');
  const session = await Subscriber.open(node.wsUrl, 'seed');
  session.socket.send(subscribe?.body ?? '');
  t.match(await session.waitFor((frame) => frame['ref'] === 1), { subscription: 'billing' });
  session.send({ type: 'publish', topic: 'orders', payload: 1 });
  await eventually(() => session.messages.length === 1);
  session.socket.send(ack?.body ?? '');
  t.match(await session.waitFor((frame) => frame['ref'] === 2), { type: 'acked' });
  session.close();
});

t.test('API keys', async (t) => {
  const admin = 'the-operators-own-key';
  const node = await startNode({ ENABLE_AUTH: 'true', ADMIN_API_KEY: admin });
  t.teardown(() => node.kill9());
  const [tenant, make, made, websocat, subscribe, publish] = blocksOf('API keys');
  const shell = async (block: Block | undefined, key = ''): Promise<Record<string, unknown>> => {
    const command = (block?.body ?? '').replaceAll('http://localhost:8080', node.url);
    const env = { ...process.env, ADMIN_API_KEY: admin, KEY: key };
    const { stdout } = await run('sh', ['-c', command.replace('curl', 'curl -sS')], { env });
    return JSON.parse(stdout) as Record<string, unknown>;
  };
  t.match(await shell(tenant), { name: 'acme' });
  const answer = await shell(make);
  sameFields(t, made?.body ?? '', answer);
  const key = String(answer['key']);
  t.match(websocat?.body, 'websocat -H="X-API-Key: $KEY" ws://localhost:8080/ws');
  const session = await Subscriber.open(node.wsUrl, 'seed', key);
  session.socket.send(subscribe?.body ?? '');
  await session.waitFor((frame) => frame.type === 'subscribed');
  t.match(await shell(publish, key), { topic: 'orders.created', subscribers: 1 });
  await eventually(() => session.messages.length === 1);
  t.match(session.messages[0], { topic: 'orders.created', payload: { n: 1 } });
  session.close();
});

t.test('publishing from SQL', async (t) => {
  const postgres = await startPostgres();
  t.teardown(() => postgres.stop());
  const node = await startNode({ DATABASE_URL: postgres.url });
  t.teardown(() => node.kill9());
  const session = await Subscriber.open(node.wsUrl, 'json');
  await session.subscribe('orders.created');
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  await client.query('CREATE TABLE orders (id int)');
  const [sql] = blocksOf('Publish from SQL');
  await client.query((sql?.body ?? '').replace('COMMIT', 'ROLLBACK'));
  await client.query(sql?.body ?? '');
  await client.end();
  await eventually(() => session.messages.length > 0);
  t.match(session.messages[0], { payload: { order_id: 42 }, sequence: 1 });
  t.equal(session.messages.length, 1, 'what was rolled back is never seen');
  session.close();
});

t.test('the variables that it lists are those of the configuration', async (t) => {
  const command = path.join(PACKAGE_FOLDER, 'dist/src/cli/conduit.js');
  const { stdout } = await run(process.execPath, [command, 'config'], { env: {} });
  const section = text.slice(
    text.indexOf('\n## Configuration'),
    text.indexOf('\n## Publish from SQL'),
  );
  const names = [...section.matchAll(/`([A-Z][A-Z_]+)`/g)].map(([, name = '']) => name);
  t.ok(names.length > 8);
  for (const name of names) t.match(stdout, new RegExp(`^${name} `, 'm'), name);
});
