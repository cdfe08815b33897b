// Goal: what the README shows, and the pages that go on from it, works as it stands. Its shell blocks are
// run, its frames are sent, and what comes back is compared, field by field, with what it says comes back.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import t, { type Test } from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { COMMAND, PACKAGE_FOLDER, startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { openPage, startChromium } from '../support/browser/chromium.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { sectionOf } from '../support/documents/guide.js';
import { runClientScript, takeQuickStart } from '../support/documents/quick-start.js';

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
  const program = `${process.execPath} ${COMMAND}`;
  const steps = await takeQuickStart(node.url, program);
  t.equal(steps.length, 7);
  for (const { what, shown, came } of steps) t.same(came, shown, what);
  t.match(blocksOf('Quick start')[2]?.body, 'websocat ws://localhost:8080/ws');
});

t.test('from TypeScript', async (t) => {
  const node = await startNode({});
  t.teardown(() => node.kill9());
  const folder = mkdtempSync(path.join(tmpdir(), 'conduit-script-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const client = new URL('../../src/client/client.js', import.meta.url).href;
  const printed = await runClientScript(node.url, { folder, client });
  t.match(printed, /sequence: 1,[\s\S]*duplicate: false\n}\n1 42\n$/);
});

t.test('durable subscriptions', async (t) => {
  const node = await startNode({});
  t.teardown(() => node.kill9());
  const [subscribe, ack] = sectionOf('docs/subscriptions.md', 'Durable subscriptions');
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
  const [tenant, make, made, websocat, subscribe, publish, quotas] = blocksOf('API keys');
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
  t.match(await shell(quotas), { quotas: { messages_per_s: 1_000, sessions: 500 } });
  session.close();
});

/** A service of the reader's: a page with a script, and `/token`, which asks for one as the README does. */
async function startService(
  command: string,
  script: string,
): Promise<{ url: string; asked: () => number }> {
  let asked = 0;
  const page = `<!doctype html><title>Orders</title><script type="module">${script}</script>`;
  const server = createServer(({ url }, response) => {
    if (url !== '/token') {
      response.setHeader('content-type', 'text/html').end(url === '/' ? page : '');
      return;
    }
    asked++;
    run('sh', ['-c', command]).then(
      ({ stdout }) => response.end(stdout),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, asked: () => asked };
}

t.test('a page that subscribes, in a browser', async (t) => {
  const [start, ask, shown, page] = blocksOf('API keys').slice(7);
  t.match(start?.body, /^ENABLE_AUTH=true .*npm start$/m);
  const told = await run('sh', ['-c', (start?.body ?? '').replace('npm start', 'env')]);
  const variables = [...told.stdout.matchAll(/^(ENABLE_AUTH|DEFAULT_API_KEY)=(.+)$/gm)];
  const env = Object.fromEntries(variables.map(([, name = '', value = '']) => [name, value]));
  const key = env['DEFAULT_API_KEY'] ?? '';
  // Short, so that the page has to go on with others. Pages of this machine may, as with `npm start`.
  const node = await startNode({ ...env, CORS_ORIGIN: 'loopback', TOKEN_TTL_S_MAX: '10' });
  t.teardown(() => node.kill9());
  const asked = (ask?.body ?? '').replace('http://localhost:8080', node.url);
  const command = `KEY=${key}; ${asked.replace('curl', 'curl -sS')}`;
  const { stdout } = await run('sh', ['-c', command]);
  sameFields(t, shown?.body ?? '', JSON.parse(stdout) as Record<string, unknown>);
  t.equal(page?.language, 'js');
  const script = (page?.body ?? '').replace('ws://localhost:8080', node.wsUrl);
  const service = await startService(command, script);
  const browser = await startChromium();
  t.teardown(() => browser.close());
  const { page: tab, errors } = await openPage(browser);
  const printed: string[] = [];
  tab.on('console', (message) => {
    if (message.type() === 'log') printed.push(message.text());
  });
  const open = tab.waitForEvent('websocket').then((socket) => socket.waitForEvent('framereceived'));
  await tab.goto(service.url);
  await open;
  const headers = { 'content-type': 'application/json', 'x-api-key': key };
  const publish = async (payload: number): Promise<void> => {
    const body = JSON.stringify({ topic: 'orders.created', payload });
    await eventually(
      async () => (await fetch(`${node.url}/api/publish`, { method: 'POST', headers, body })).ok,
    );
  };
  await publish(1);
  await eventually(() => printed.length === 1);
  const longMs = performance.now() + 12_000;
  await eventually(() => performance.now() > longMs);
  t.ok(service.asked() > 1);
  await publish(2);
  await eventually(() => printed.length === 2);
  t.same(printed, ['1', '2'], 'longer than one token lives');
  t.same(errors, []);
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
  const [sql] = sectionOf('docs/publishing.md', 'Publish from SQL');
  await client.query((sql?.body ?? '').replace('COMMIT', 'ROLLBACK'));
  await client.query(sql?.body ?? '');
  await client.end();
  await eventually(() => session.messages.length > 0);
  t.match(session.messages[0], { payload: { order_id: 42 }, sequence: 1 });
  t.equal(session.messages.length, 1, 'what was rolled back is never seen');
  session.close();
});
