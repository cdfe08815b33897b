/**
 * `npm run client-package`: makes dist/client, which is the package conduit-broker-client, ready for `npm pack`, and
 * what `conduit-broker/client` leads to: two modules without a dependency but msgpackr, their types, and
 * a package.json of its own.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const PACKAGE_FOLDER = fileURLToPath(new URL('../../', import.meta.url));
const FOLDER = path.join(PACKAGE_FOLDER, 'dist/client');
const MODULES = ['client', 'msgpack'];
/** Node 20, and browsers of 2022: Chrome 94, Firefox 93, Safari 16.4. */
const TARGET = 'es2022';

interface Manifest {
  version: string;
  license: string;
  peerDependencies: Record<string, string>;
}

rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER, { recursive: true });
await build({
  entryPoints: MODULES.map((name) => path.join(PACKAGE_FOLDER, `src/client/${name}.ts`)),
  outdir: FOLDER,
  bundle: true,
  format: 'esm',
  platform: 'neutral',
  target: TARGET,
  external: ['msgpackr'],
  legalComments: 'none',
  logLevel: 'warning',
});
const tsc = path.join(PACKAGE_FOLDER, 'node_modules/typescript/bin/tsc');
execFileSync(process.execPath, [tsc, '-p', path.join(PACKAGE_FOLDER, 'tools/client-types.json')]);
for (const file of ['LICENSE', 'docs/client.md']) {
  const name = file === 'LICENSE' ? file : 'README.md';
  copyFileSync(path.join(PACKAGE_FOLDER, file), path.join(FOLDER, name));
}
const text = readFileSync(path.join(PACKAGE_FOLDER, 'package.json'), 'utf8');
const { version, license, peerDependencies } = JSON.parse(text) as Manifest;
/** Of the broker's optional ones, those that the client imports. */
const PEERS = ['ws', 'msgpackr'];
const entry = (name: string): object => ({
  types: `./types/client/${name}.d.ts`,
  default: `./${name}.js`,
});
const manifest = {
  name: 'conduit-broker-client',
  version,
  description: 'Client of Conduit, for Node and browsers: publish, subscribe, resume.',
  license,
  type: 'module',
  sideEffects: false,
  engines: { node: '>=20' },
  exports: {
    '.': entry('client'),
    './msgpack': entry('msgpack'),
    './package.json': './package.json',
  },
  files: ['*.js', 'types'],
  peerDependencies: Object.fromEntries(PEERS.map((name) => [name, peerDependencies[name]])),
  peerDependenciesMeta: Object.fromEntries(PEERS.map((name) => [name, { optional: true }])),
};
writeFileSync(path.join(FOLDER, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
