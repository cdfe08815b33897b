// Goal: every variable is checked strictly; a wrong one is one line with its name, what it got and what
// it takes, and never a secret.
import { hostname } from 'node:os';
import t from 'tap';
import { effectiveTable } from '../../../src/config/effective.js';
import { ConfigError, loadConfig } from '../../../src/config/load-config.js';
import { withLocalDefaults } from '../../../src/config/local-defaults.js';
import { LIMIT_OPTIONS, OPTIONS } from '../../../src/config/options.js';
import { DEFAULT_LIMITS, variableOf } from '../../../src/core/limits.js';

const SECRET = 'correct-horse-battery-staple';

function lineOf(env: Record<string, string>): string {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return 'accepted';
}

t.test('nothing set is the defaults', async (t) => {
  const { config, warnings } = loadConfig({});
  t.same(warnings, []);
  t.equal(config.port, 8080);
  t.equal(config.host, '0.0.0.0');
  t.equal(config.databaseUrl, null);
  t.equal(config.nodeAddr, `${hostname()}:8080`, 'an empty host cannot be dialled');
  t.match(config, { nodeId: hostname(), nodeIdFrom: 'host name' });
  t.equal(config.acceptors, 1);
  t.ok(config.workers >= 1);
  t.equal(config.corsOrigin, '*');
  t.equal(config.allowedHosts, '*');
  t.equal(config.trustedProxies, null);
  t.equal(config.autoCreateTopics, true);
  t.equal(config.outboxNotify, true);
  t.same(config.limits, DEFAULT_LIMITS);
  t.ok(Object.isFrozen(config) && Object.isFrozen(config.limits));
});

t.test('what is set is what is used', async (t) => {
  const { config } = loadConfig({
    PORT: '1',
    DATABASE_URL: 'postgresql://u:p%40@h:1/d?sslmode=require',
    CORS_ORIGIN: 'https://app.example.com',
    PAYLOAD_BYTES_MAX: '1024',
    AUTO_CREATE_TOPICS: 'false',
    NODE_ADDR: 'server-1:8080',
  });
  t.equal(config.port, 1);
  t.equal(config.databaseUrl, 'postgresql://u:p%40@h:1/d?sslmode=require');
  t.equal(config.corsOrigin, 'https://app.example.com');
  t.equal(config.limits.payloadBytesMax, 1024);
  t.equal(config.autoCreateTopics, false);
  t.equal(config.nodeAddr, 'server-1:8080');
  t.equal(loadConfig({ NODE_ADDR: ':90' }).config.nodeAddr, `${hostname()}:90`);
  t.match(loadConfig({ NODE_ID: hostname() }).config, {
    nodeId: hostname(),
    nodeIdFrom: 'NODE_ID',
  });
});

const WRONG: [name: string, values: string[]][] = [
  ['PORT', ['', '0', '65536', '1e3', '-1', '0x10', ' 5', '5 ', '+5', '8080.0', 'http', '٣']],
  ['ALLOWED_HOSTS', ['', 'a b', 'a:80', 'http://a', 'a,,b', 'a/b', '*.a']],
  [
    'TRUSTED_PROXIES',
    ['', '*', 'loopback', '10.0.0.0/33', '::1/129', '10.0.0.1,', '10.0.0.1, 10.0.0.2', 'a.example'],
  ],
  ['ACCEPT_RATE_MAX', ['0', '-1', 'off']],
  ['WORKERS', ['0', '65', 'all', '1.5']],
  ['TLS_CERT_FILE', ['', 'a\u0000b']],
  ['TLS_KEY_FILE', ['', '\n']],
  ['ACCEPTORS', ['0', '65', '-1']],
  ['PAYLOAD_BYTES_MAX', ['10MB', '1e9', '-1', '0', '99999999999999999999']],
  ['PARKED_MAX', ['0', '65537']],
  ['IDLE_TIMEOUT_S', ['7', '961', '0']],
  ['RETENTION_HOURS', ['0', 'forever']],
  [
    'DATABASE_URL',
    ['', 'mysql://h/d', 'h:5432', 'postgres:/h', 'postgres://u:%zz@h/d', 'postgres://h:99999/d'],
  ],
  [
    'REDIS_URL',
    [
      '',
      'http://h',
      'redis',
      'redis:h',
      'redis://:a#b@h',
      'redis://:a/b@h:x',
      'redis://:a%@h',
      'redis://:a b@h',
      'redis://',
      'redis://h/name',
      'redis://h/0?retryStrategy=1',
      'redis://h:6379#x',
    ],
  ],
  ['CLUSTER_NAME', ['', 'a b', 'a:b', 'x'.repeat(65), 'ü']],
  ['ENABLE_AUTH', ['yes', 'TRUE', '']],
  ['AUTO_CREATE_TOPICS', ['on', '']],
  ['OUTBOX_NOTIFY', ['off']],
  ['INTERNAL_SECRET', ['', 'x'.repeat(31), `${'x'.repeat(40)}\n`]],
  ['DEFAULT_API_KEY', ['', 'a\u0000b', 'a b', ' a', 'ключ', 'x'.repeat(256)]],
  ['ADMIN_API_KEY', ['', 'a\tb']],
  ['JWT_JWKS_URL', ['', 'keys.json', 'http://a.com/keys', 'file:///keys', 'https://u:p@a.com/']],
  ['JWT_HS256_SECRET', ['', 'x'.repeat(31)]],
  ['JWT_TENANT', ['', 'a.b', 'x'.repeat(65), '~1']],
  ['JWT_ISSUER', ['', 'a\nb']],
  ['NODE_ID', ['', 'x'.repeat(256), 'a\tb', '\ud800']],
  ['NODE_ADDR', ['', 'server-1', 'http://server-1:8080', ':0', ':65536', 'a b:1']],
  [
    'CORS_ORIGIN',
    [
      '',
      'example.com',
      'https://a.com/',
      'https://a.com/x',
      'https://*.a.com',
      'ftp://a.com',
      'null',
      'https://A.com',
      'https://a.com,',
      'https://a.com, https://b.com',
      '*,https://a.com',
      'https://a.com,null',
    ],
  ],
  ['LOG_LEVEL', ['', 'verbose', 'INFO']],
  ['LOG_FORMAT', ['', 'text', 'JSON']],
  ['HOST', ['', 'x'.repeat(256)]],
];

for (const [name, values] of WRONG) {
  t.test(`${name} is refused in one line that names it`, async (t) => {
    for (const value of values) {
      const line = lineOf({ [name]: value });
      t.ok(line.startsWith(`${name}: `), `${JSON.stringify(value).slice(0, 40)}: ${line}`);
      t.notOk(line.includes('\n'));
      t.ok(line.length < 300);
    }
  });
}

t.test('a number is refused with its range', async (t) => {
  t.equal(lineOf({ PORT: '0' }), 'PORT: got "0", takes an integer from 1 to 65535');
  t.match(
    lineOf({ PAYLOAD_BYTES_MAX: '10MB' }),
    /got "10MB", takes an integer from 1 to \d+ \(bytes\)/,
  );
});

t.test('a URL that cannot be read is told what to encode', async (t) => {
  for (const mark of ['#', '%', ' ', '/', '?']) {
    const line = lineOf({ REDIS_URL: `redis://:${SECRET}${mark}${SECRET}@h` });
    t.match(line, /^REDIS_URL: cannot be read as a URL; in a user name or password write # as %23/);
    t.notOk(line.includes(SECRET.slice(0, 10)));
  }
});

t.test('a secret is never in the line', async (t) => {
  for (const name of [
    'DATABASE_URL',
    'REDIS_URL',
    'INTERNAL_SECRET',
    'DEFAULT_API_KEY',
    'ADMIN_API_KEY',
    'JWT_HS256_SECRET',
  ]) {
    const line = lineOf({ [name]: `${SECRET}\n` });
    t.ok(line.startsWith(`${name}: `), line);
    t.notOk(line.includes(SECRET.slice(0, 10)));
  }
});

t.test('an issuer has an audience and keys, or nothing of it is set', async (t) => {
  const whole = { JWT_ISSUER: 'i', JWT_AUDIENCE: 'a', JWT_JWKS_URL: 'https://a.com/keys' };
  const { config } = loadConfig({ ...whole, ENABLE_AUTH: 'true' });
  t.match(config, { jwtIssuer: 'i', jwtAudience: 'a', jwtTenant: 'default', jwtJwksFile: null });
  t.equal(lineOf({ ...whole, JWT_JWKS_URL: 'http://127.0.0.1:8/keys' }), 'accepted');
  const { JWT_ISSUER, JWT_AUDIENCE, JWT_JWKS_URL } = whole;
  const halves: [Record<string, string>, string][] = [
    [{ JWT_AUDIENCE, JWT_JWKS_URL }, 'JWT_ISSUER: is unset, and JWT_AUDIENCE is of no use'],
    [{ JWT_ISSUER, JWT_JWKS_URL }, 'JWT_AUDIENCE: is unset, and JWT_ISSUER is of no use'],
    [{ JWT_ISSUER, JWT_AUDIENCE }, 'JWT_JWKS_URL, JWT_JWKS_FILE or JWT_HS256_SECRET: is unset'],
    [{ JWT_JWKS_URL }, 'JWT_ISSUER: is unset'],
    [{ ...whole, JWT_JWKS_FILE: 'f' }, 'JWT_JWKS_URL: is set beside JWT_JWKS_FILE'],
  ];
  for (const [env, line] of halves) t.match(lineOf(env), line);
  const secret = { JWT_ISSUER, JWT_AUDIENCE, JWT_HS256_SECRET: SECRET.repeat(2) };
  t.equal(lineOf(secret), 'accepted');
  t.notMatch(effectiveTable(loadConfig(secret).config, secret), SECRET);
  t.match(loadConfig(whole).warnings, [/^JWT_ISSUER: has no effect while ENABLE_AUTH is false/]);
});

t.test('every limit is a variable, and no name is given twice', async (t) => {
  const names = [...Object.values(OPTIONS), ...Object.values(LIMIT_OPTIONS)].map(({ env }) => env);
  t.equal(new Set(names).size, names.length);
  t.equal(variableOf('payloadBytesMax'), 'PAYLOAD_BYTES_MAX');
  t.equal(variableOf('idleTimeoutS'), 'IDLE_TIMEOUT_S');
  for (const [name, option] of Object.entries(LIMIT_OPTIONS)) {
    t.equal(option.fallback, DEFAULT_LIMITS[name as keyof typeof DEFAULT_LIMITS]);
    t.equal(
      option.parse(String(option.fallback)),
      option.fallback,
      `${option.env} takes its default`,
    );
  }
});

t.test('start is for this machine unless HOST says otherwise', async (t) => {
  const local = { HOST: '127.0.0.1', CORS_ORIGIN: 'loopback', ALLOWED_HOSTS: 'loopback' };
  const cases: [env: Record<string, string>, effective: Record<string, string>][] = [
    [{}, local],
    [{ HOST: 'LOCALHOST' }, { ...local, HOST: 'LOCALHOST' }],
    [{ HOST: '::1' }, { ...local, HOST: '::1' }],
    [{ HOST: '0.0.0.0' }, { HOST: '0.0.0.0' }],
    [{ HOST: '10.0.0.1' }, { HOST: '10.0.0.1' }],
    [{ CORS_ORIGIN: '*' }, { ...local, CORS_ORIGIN: '*' }],
    [{ ALLOWED_HOSTS: 'a.example' }, { ...local, ALLOWED_HOSTS: 'a.example' }],
  ];
  for (const [env, effective] of cases) t.same(withLocalDefaults(env), effective);
  const table = effectiveTable(loadConfig({}).config, {});
  for (const [name, value] of Object.entries(local)) {
    t.match(table, new RegExp(`^${name} +\\S+ +default \\(start: ${value}\\) `, 'm'));
  }
});

t.test('the table has every variable, its source, and no secret', async (t) => {
  const env = { DATABASE_URL: `postgres://u:${SECRET}@h/d`, PORT: '9000' };
  const table = effectiveTable(loadConfig(env).config, env);
  t.notOk(table.includes(SECRET));
  t.match(table, /^DATABASE_URL +\(set\) +environment /m);
  t.match(table, /^PORT +9000 +environment /m);
  t.match(table, new RegExp(`^NODE_ADDR +${hostname()}:9000 +default `, 'm'));
  t.match(table, /^REDIS_URL +- +default /m);
  for (const { env: name } of Object.values(LIMIT_OPTIONS))
    t.ok(table.includes(`\n${name} `), name);
});

t.test('a token for a port that there is not, and a port that is taken, are refused', async (t) => {
  const METRICS_TOKEN = 'a-token-for-the-metrics';
  t.throws(() => loadConfig({ METRICS_TOKEN }), { message: /^METRICS_PORT: is unset/ });
  t.throws(() => loadConfig({ PORT: '9090', METRICS_PORT: '9090' }), {
    message: 'METRICS_PORT: is the same as PORT',
  });
  const { config } = loadConfig({ METRICS_PORT: '9091', METRICS_TOKEN });
  t.match(config, { metricsPort: 9_091, metricsToken: METRICS_TOKEN });
});

t.test('several databases: the first, and the others in their order', async (t) => {
  const [a, b, c] = ['a', 'b', 'c'].map((host) => `postgres://u:${SECRET}@${host}/d`);
  const env = { DATABASE_URL: `${a}\n${b} ${c}` };
  const { config } = loadConfig(env);
  t.equal(config.databaseUrl, a);
  t.same(config.moreDatabaseUrls, [b, c]);
  const table = effectiveTable(config, env);
  t.match(table, /^DATABASE_URL +\(set: 3 databases\) +environment /m);
  t.notMatch(table, SECRET);
  t.same(loadConfig({}).config.moreDatabaseUrls, []);
});
