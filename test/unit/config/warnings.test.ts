// Goal: what has no effect is told, and so are names that are nearly ours; other programs' variables
// are not.
import t from 'tap';
import { loadConfig } from '../../../src/config/load-config.js';
import { editDistance, openToAll } from '../../../src/config/warnings.js';

function warnings(env: Record<string, string>): string[] {
  return loadConfig(env).warnings;
}

t.test('what this version does not use is told once each', async (t) => {
  const found = warnings({
    REDIS_URL: 'redis://localhost',
    INTERNAL_SECRET: 'x'.repeat(32),
    DEFAULT_API_KEY: 'key',
    ADMIN_API_KEY: 'key',
  });
  t.same(
    found.map((line) => line.split(':', 1)[0]),
    ['REDIS_URL', 'INTERNAL_SECRET', 'DEFAULT_API_KEY', 'ADMIN_API_KEY'],
  );
});

t.test('a node that anybody may drive says so', async (t) => {
  const told = (env: Record<string, string>): string[] =>
    openToAll(loadConfig(env).config).map((line) => line.split(':', 1)[0] ?? '');
  t.same(told({}), ['HOST', 'CORS_ORIGIN'], 'serve, as the table has it');
  t.same(told({ HOST: '127.0.0.1' }), ['CORS_ORIGIN']);
  t.same(told({ HOST: '10.0.0.1', CORS_ORIGIN: 'https://a.example' }), ['HOST']);
  t.same(told({ HOST: '::1', CORS_ORIGIN: 'loopback' }), []);
});

t.test('a near miss is told with the name that was meant', async (t) => {
  const misses: [name: string, meant: string][] = [
    ['DATABSE_URL', 'DATABASE_URL'],
    ['DATABASE_URI', 'DATABASE_URL'],
    ['WORKER', 'WORKERS'],
    ['PORTS', 'PORT'],
    ['PAYLOAD_BYTE_MAX', 'PAYLOAD_BYTES_MAX'],
    ['LOGLEVEL', 'LOG_LEVEL'],
    ['CONDUIT_PORT', 'PORT'],
    ['CONDUIT_DATABASE', 'DATABASE_URL'],
  ];
  for (const [name, meant] of misses) {
    const found = warnings({ [name]: 'x' });
    t.equal(found.length, 1, name);
    t.match(found[0], new RegExp(`^${name} .*\\b${meant}\\b`));
  }
});

t.test("other programs' variables are not ours to judge", async (t) => {
  const others = ['HOME', 'PATH', 'POST', 'HOSTNAME', 'NODE_ENV', 'NODE_OPTIONS', 'LANG', 'USER'];
  t.same(warnings(Object.fromEntries(others.map((name) => [name, 'x']))), []);
});

t.test('limits that contradict one another are told', async (t) => {
  t.match(warnings({ PAYLOAD_BYTES_MAX: '1000000' })[0], /PUBLISH_BODY_BYTES_MAX/);
});

t.test('the distance is the number of letters to change, add or drop', async (t) => {
  t.equal(editDistance('PORT', 'PORT'), 0);
  t.equal(editDistance('PORT', 'PROT'), 2);
  t.equal(editDistance('', 'PORT'), 4);
  t.equal(editDistance('WORKER', 'WORKERS'), 1);
});
