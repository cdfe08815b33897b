// Goal: a worker that has loaded its modules, ioredis among them, finds the methods of strings, buffers and
// maps without a look-up in a dictionary: V8 shows it by %HasFastProperties.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const SESSION = fileURLToPath(new URL('../../../src/backplane/redis-sessions.js', import.meta.url));
const WORKER = fileURLToPath(new URL('../../../src/topic/worker.js', import.meta.url));
const PROTOTYPES = ['String', 'Array', 'Uint8Array', 'Buffer', 'DataView', 'Map', 'Set', 'Object'];

/** The prototypes that are dictionaries once these were imported. */
function slowAfter(modules: readonly string[]): string {
  const imports = modules.map((name) => `await import(${JSON.stringify(name)});`).join('');
  const looks = PROTOTYPES.map((name) => `['${name}', %HasFastProperties(${name}.prototype)]`);
  const slow = `[${looks}].filter(([, isFast]) => !isFast).map(([one]) => one)`;
  const code = `${imports} console.log(${slow}.join());`;
  const args = ['--allow-natives-syntax', '--input-type=module', '--eval', code];
  const done = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(done.stderr);
  return done.stdout.trim();
}

t.test('what a worker imports leaves the prototypes of its hot path fast', (t) => {
  t.equal(slowAfter([WORKER, SESSION]), '');
  t.end();
});

t.test('ioredis alone does not: where this fails, keepStringsFast is needed no more', (t) => {
  t.equal(slowAfter(['ioredis']), 'String');
  t.end();
});
