// Goal: what has no effect is told, and so is what is open to all.
import t from 'tap';
import { loadConfig } from '../../../src/config/load-config.js';
import { openToAll, untold } from '../../../src/config/warnings.js';

function warnings(env: Record<string, string>): string[] {
  return loadConfig(env).warnings;
}

t.test('what has no effect is told once each', async (t) => {
  const found = warnings({
    DEFAULT_API_KEY: 'x'.repeat(16),
    ADMIN_API_KEY: 'y'.repeat(16),
  });
  t.same(
    found.map((line) => line.split(':', 1)[0]),
    ['DEFAULT_API_KEY', 'ADMIN_API_KEY'],
  );
});

t.test('a Redis whose messages anybody could make up is told of', async (t) => {
  const redis = { REDIS_URL: 'redis://localhost' };
  t.same(warnings({ ...redis, INTERNAL_SECRET: 'x'.repeat(32) }), []);
  t.match(warnings(redis), [
    /^INTERNAL_SECRET: is unset: whoever may publish in Redis can make up/,
  ]);
});

t.test(
  'configured keys have an effect where keys are asked for, and are not to be guessed',
  async (t) => {
    const keys = { DEFAULT_API_KEY: 'x'.repeat(16), ADMIN_API_KEY: 'y'.repeat(15) };
    const found = warnings({ ENABLE_AUTH: 'true', ...keys });
    t.same(found, ['ADMIN_API_KEY: has less than 16 characters: it can be guessed']);
  },
);

t.test('a node that anybody may drive says so', async (t) => {
  const told = (env: Record<string, string>): string[] =>
    openToAll(loadConfig(env).config).map((line) => line.split(':', 1)[0] ?? '');
  t.same(told({}), ['HOST', 'CORS_ORIGIN'], 'serve, as the table has it');
  t.same(told({ HOST: '127.0.0.1' }), ['CORS_ORIGIN']);
  t.same(told({ HOST: '10.0.0.1', CORS_ORIGIN: 'https://a.example' }), ['HOST']);
  t.same(told({ HOST: '::1', CORS_ORIGIN: 'loopback' }), []);
  t.same(told({ ENABLE_AUTH: 'true' }), [], 'not where keys are asked for');
});

t.test('what nodes in memory do not promise each other is told', async (t) => {
  const told = (env: Record<string, string>): string[] => untold(loadConfig(env).config);
  const redis = { REDIS_URL: 'redis://localhost' };
  t.match(told(redis), [/^REDIS_URL: without DATABASE_URL .* may lose some; order, sequences/]);
  t.same(told({}), []);
  t.same(told({ ...redis, DATABASE_URL: 'postgres://localhost/x' }), []);
});

t.test('a proxy that is everybody is told', async (t) => {
  for (const block of ['0.0.0.0/0', '10.0.0.1,::/0']) {
    t.match(warnings({ TRUSTED_PROXIES: block }), [/^TRUSTED_PROXIES: trusts everybody/], block);
  }
  t.same(warnings({ TRUSTED_PROXIES: '10.0.0.0/8,::1' }), []);
});

t.test('limits that contradict one another are told', async (t) => {
  t.match(warnings({ PAYLOAD_BYTES_MAX: '1000000' })[0], /PUBLISH_BODY_BYTES_MAX/);
  const unread = { UNREAD_BYTES_MAX: '2097152', WS_MESSAGE_BYTES_MAX: '2097152' };
  t.match(warnings(unread)[0], /^UNREAD_BYTES_MAX is not more than WS_MESSAGE_BYTES_MAX/);
});
