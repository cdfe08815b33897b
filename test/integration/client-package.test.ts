// Goal: the client is a package of its own that works where nothing else is installed: packed, installed into
// an empty folder, run by Node and compiled against. It has no dependency, and is small for pages.
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import t from 'tap';
import { cleanEnvironment, PACKAGE_FOLDER, startNode } from '../../native-bench/rig/node.js';
import { lintPackage } from '../support/documents/package-lint.js';

const run = promisify(execFile);
const FOLDER = path.join(PACKAGE_FOLDER, 'dist/client');
/** Of the module minified by esbuild, without msgpack, by gzip -9; ADR 41 has why it is no less. */
const GZIP_BYTES_MAX = 12_950;

const home = mkdtempSync(path.join(tmpdir(), 'conduit-client-'));
t.teardown(() => rmSync(home, { recursive: true, force: true }));
const env = { ...cleanEnvironment(), npm_config_cache: path.join(home, 'cache') };
await run(process.execPath, [path.join(PACKAGE_FOLDER, 'dist/tools/client-package.js')]);

interface Packed {
  name: string;
  filename: string;
  files: { path: string }[];
}

/** As strict as can be; no types of Node. */
const STRICT = { strict: true, target: 'es2022', module: 'nodenext', noEmit: true };

const SCRIPT = `
import { connect, ConduitError } from 'conduit-broker-client';
const client = connect(process.argv[2]);
const subscription = client.subscribe('demo', { subscription: 'tried' });
await subscription.ready();
const { sequence } = await client.publish('demo', { hello: 'world' });
for await (const message of subscription) {
  console.log(JSON.stringify([sequence, message.payload, message.attempt]));
  message.ack();
  break;
}
await client.drain();
console.log(client.state, new ConduitError('closed', 'x') instanceof Error);
`;

const TYPES = `
import { connect, json, type Codec, type ConduitMessage, type PublishResult } from 'conduit-broker-client';
interface Order { id: number }
const codec: Codec = json;
const client = connect({ url: ['http://a', 'http://b'], token: async () => 'text', codec });
export async function use(signal: AbortSignal): Promise<PublishResult> {
  for await (const order of client.subscribe<Order>('orders', { subscription: 'billing', signal })) {
    const id: number = order.payload.id;
    if (id > 1) order.nack({ delayMs: 5 });
    // @ts-expect-error: what it is not is found.
    order.payload.name;
  }
  client.subscribe('orders', {
    parse: (payload) => Number(payload),
    onMessage: (message: ConduitMessage<number>) => message.ack(),
  });
  client.on('state', ({ to, error }) => to === 'closed' && error?.code === 'unauthorized');
  for await (const event of client.status()) if (event.type === 'gap') event.reason.trim();
  return client.publish('orders', { id: 1 }, { key: 'a', signal });
}
`;

t.test('packed and installed into an empty folder, it works', async (t) => {
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', home], {
    cwd: FOLDER,
    env,
  });
  const [packed] = JSON.parse(stdout) as Packed[];
  const files = packed?.files.map((file) => file.path) ?? [];
  for (const file of ['client.js', 'msgpack.js', 'types/client/client.d.ts', 'README.md']) {
    t.ok(files.includes(file), file);
  }
  const folder = path.join(home, 'empty');
  const tarball = path.join(home, packed?.filename ?? '');
  t.same(await lintPackage(tarball), []);
  const options = ['--prefix', folder, '--offline', '--no-audit', '--no-fund', '--omit=peer'];
  await run('npm', ['install', ...options, tarball], { env });
  const manifest = readFileSync(
    path.join(folder, 'node_modules/conduit-broker-client/package.json'),
    'utf8',
  );
  t.notOk('dependencies' in (JSON.parse(manifest) as object));
  // What Node 20 asks of its user.
  cpSync(path.join(PACKAGE_FOLDER, 'node_modules/ws'), path.join(folder, 'node_modules/ws'), {
    recursive: true,
  });
  const node = await startNode({});
  t.teardown(() => node.kill9());
  writeFileSync(path.join(folder, 'try.mjs'), SCRIPT);
  const tried = await run(process.execPath, ['try.mjs', node.url], { cwd: folder, env });
  t.equal(tried.stdout, '[1,{"hello":"world"},1]\nclosed true\n');

  writeFileSync(path.join(folder, 'use.ts'), TYPES);
  const tsc = path.join(PACKAGE_FOLDER, 'node_modules/typescript/bin/tsc');
  const compilerOptions = { ...STRICT, lib: ['es2023', 'dom', 'esnext.disposable'], types: [] };
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
  const checked = await run(process.execPath, [tsc, '-p', folder], { cwd: folder, env }).catch(
    (error: { stdout: string }) => error,
  );
  t.equal(checked.stdout, '', 'its types stand alone');
});

t.test('it is small, and bundles nothing of the node', async (t) => {
  const { outputFiles, metafile } = await build({
    entryPoints: [path.join(FOLDER, 'client.js')],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    metafile: true,
  });
  const bytes = gzipSync(outputFiles[0]?.contents ?? '', { level: 9 }).length;
  t.ok(bytes > 1_000);
  t.ok(bytes <= GZIP_BYTES_MAX, `${bytes} bytes`);
  t.equal(Object.keys(metafile.inputs).length, 1, 'one file, which imports nothing');
  const text = readFileSync(path.join(FOLDER, 'client.js'), 'utf8');
  const parts = [...text.matchAll(/^\/\/ (\S+\.[jt]s)$/gm)].map(([, file = '']) => file);
  t.ok(parts.length > 10);
  t.same(
    parts.filter((file) => !file.startsWith('src/client/')),
    [],
  );
});

t.test('the package of the broker leads to the same', async (t) => {
  const options = ['--json', '--ignore-scripts', '--pack-destination', home];
  const { stdout } = await run('npm', ['pack', ...options], { cwd: PACKAGE_FOLDER, env });
  const [packed] = JSON.parse(stdout) as Packed[];
  t.equal(packed?.name, 'conduit-broker');
  t.same(await lintPackage(path.join(home, packed?.filename ?? '')), []);
  const files = packed?.files.map((file) => file.path) ?? [];
  t.ok(files.includes('dist/client/client.js'));
  const own = (await import('conduit-broker/client' as string)) as Record<string, unknown>;
  t.equal(typeof own['connect'], 'function');
  const msgpack = (await import('conduit-broker/client/msgpack' as string)) as object;
  t.ok('msgpack' in msgpack);
});
