// Goal: a node that asks for keys begins with one: configured, kept from before, or made and shown once, on a
// terminal alone. Where nobody could call it does not start.
import t from 'tap';
import { startPostgres } from '../../../native-bench/rig/postgres.js';
import { loadConfig } from '../../../src/config/load-config.js';
import { apiKeyId, digestOf } from '../../../src/core/api-key.js';
import type { FoundKey } from '../../../src/core/key-record.js';
import { migrate } from '../../../src/log/postgres/upkeep/migrations.js';
import { Logger } from '../../../src/observe/logger.js';
import { banner } from '../../../src/supervisor/banner.js';
import { type NodeDirectory, startDirectory } from '../../../src/supervisor/node-directory.js';
import { DirectoryPort } from '../../../src/thread/directory-port.js';

const logger = new Logger({ level: 'silent', format: 'json', secrets: [] });

function start(
  env: Record<string, string>,
  output: 'terminal' | 'file' = 'terminal',
): Promise<NodeDirectory> {
  const { config } = loadConfig({ ENABLE_AUTH: 'true', ...env });
  const nothing = (): void => undefined;
  return startDirectory({ config, logger, output, onChanged: nothing, onQuotas: nothing });
}

async function find(directory: NodeDirectory, key: string): Promise<FoundKey | undefined> {
  const port = new DirectoryPort(directory.openPort());
  try {
    const { keys } = await port.lookUp('keys.find', { ids: [apiKeyId(key) ?? ''] });
    return keys[0];
  } finally {
    port.close();
  }
}

t.test('a first key is made where a terminal shows it, and is the default tenant’s', async (t) => {
  const directory = await start({});
  t.teardown(() => directory.stop());
  const key = directory.firstKey ?? '';
  t.match(await find(directory, key), {
    ...{ tenant: 'default', topics: null, leftMs: null, digest: digestOf(key).toString('hex') },
    scopes: ['publish', 'subscribe', 'manage'],
  });
  const { config } = loadConfig({ ENABLE_AUTH: 'true' });
  const facts = { config, version: '0', logPlace: null };
  t.equal(banner({ ...facts, firstKey: key }).split(key).length, 2, 'it is shown, once');
  t.match(banner({ ...facts, firstKey: null }), /kept IN MEMORY; no operator: ADMIN_API_KEY is un/);
});

t.test('nobody could call: the start is refused', async (t) => {
  await t.rejects(start({}, 'file'), { message: /^ENABLE_AUTH: nobody could call/, exitCode: 78 });
  for (const name of ['DEFAULT_API_KEY', 'ADMIN_API_KEY']) {
    const directory = await start({ [name]: 'x'.repeat(20) }, 'file');
    t.equal(directory.firstKey, null, name);
    await directory.stop();
  }
  const directory = await start({ DEFAULT_API_KEY: 'x'.repeat(20) });
  t.equal(directory.firstKey, null, 'a configured key is enough');
  await directory.stop();
});

t.test('a key in the database is enough, and no other is made', async (t) => {
  const postgres = await startPostgres();
  t.teardown(() => postgres.stop());
  await migrate(postgres.url);
  const env = { DATABASE_URL: postgres.url };
  await t.rejects(start(env, 'file'), { message: /nobody could call/ });
  const [one, other] = await Promise.all([start(env), start(env)]);
  const shown = [one.firstKey, other.firstKey].filter((key) => key !== null);
  t.equal(shown.length, 1, 'of two nodes that start together one makes it');
  await Promise.all([one.stop(), other.stop()]);
  for (const output of ['terminal', 'file'] as const) {
    const again = await start(env, output);
    t.equal(again.firstKey, null, output);
    t.ok(await find(again, shown[0] ?? ''), 'it is kept');
    await again.stop();
  }
});
