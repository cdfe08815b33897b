/**
 * Builds the dashboard into dist/dashboard, with each file compressed beside it, unless what is there was made
 * of the same sources: `npm run build` calls it each time. Made beside its place and moved there whole, since
 * a node may start meanwhile. `always`: also when nothing changed.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const PACKAGE_FOLDER = path.resolve(HERE, '..');
const DIST = path.join(PACKAGE_FOLDER, 'dist');
const PLACE = path.join(DIST, 'dashboard');
const STAMP = path.join(PLACE, '.sources');
/** What it is made of: of src what a browser may run. */
const SOURCES = ['dashboard', 'src/client', 'src/core', 'package-lock.json'];
/** Smaller ones gain nothing. */
const COMPRESSED_FROM_BYTES = 512;

const stamp = stampOf(SOURCES.flatMap(filesOf));
const isBuilt = existsSync(STAMP) && readFileSync(STAMP, 'utf8') === stamp;
if (!isBuilt || process.argv.includes('always')) await build();

async function build() {
  const { build: viteBuild } = await import('vite').catch(() => {
    process.stderr.write('conduit: the dashboard is not built without its packages: run npm ci\n');
    process.exit(1);
  });
  const made = `${PLACE}.${process.pid}`;
  await viteBuild({
    root: HERE,
    configFile: path.join(HERE, 'vite.config.ts'),
    logLevel: 'warn',
    build: { outDir: made },
  });
  for (const file of filesIn(made)) compress(file);
  writeFileSync(path.join(made, '.sources'), stamp);
  const old = `${made}.old`;
  mkdirSync(DIST, { recursive: true });
  if (existsSync(PLACE)) renameSync(PLACE, old);
  renameSync(made, PLACE);
  rmSync(old, { recursive: true, force: true });
}

function compress(file) {
  const bytes = readFileSync(file);
  if (bytes.length < COMPRESSED_FROM_BYTES) return;
  const params = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
  writeFileSync(`${file}.br`, brotliCompressSync(bytes, { params }));
  writeFileSync(`${file}.gz`, gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION }));
}

function stampOf(files) {
  const hash = createHash('sha256');
  for (const file of files)
    hash.update(`${file}\n`).update(readFileSync(path.join(PACKAGE_FOLDER, file)));
  return hash.digest('hex');
}

/** Paths from the package's folder, in one order. */
function filesOf(source) {
  const whole = path.join(PACKAGE_FOLDER, source);
  if (!existsSync(whole)) return [];
  if (!source.includes('.'))
    return filesIn(whole).map((file) => path.relative(PACKAGE_FOLDER, file));
  return [source];
}

function filesIn(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => name !== 'node_modules' && name !== '.vite')
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const place = path.join(folder, entry.name);
      return entry.isDirectory() ? filesIn(place) : [place];
    });
}
