// Goal: compose.yaml is what it says: services in the right order, pinned, without a secret of its own and
// open to this host only; and the same order, health checks and environment, as local processes, are two
// nodes of which one gives what the other was published.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parse } from 'yaml';
import { eventually } from '../../native-bench/rig/eventually.js';
import { freePort } from '../../native-bench/rig/free-port.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { DOCKER, type LocalService, startService } from '../support/local-service.js';
import { request } from '../support/publisher.js';
import { startRedis } from '../support/redis-server.js';
import { Subscriber } from '../support/subscriber.js';

const PACKAGE_FOLDER = fileURLToPath(new URL('../../../', import.meta.url));

interface Service {
  image: string;
  build?: string;
  environment?: Record<string, string>;
  depends_on?: Record<string, { condition: string }> | string[];
  ports?: string[];
  volumes?: string[];
  healthcheck?: { test?: string[]; disable?: boolean };
  read_only?: boolean;
  cap_drop?: string[];
  user?: string;
}

const { services } = parse(readFileSync(path.join(PACKAGE_FOLDER, 'compose.yaml'), 'utf8'), {
  merge: true,
}) as { services: Record<string, Service> };
const all = Object.entries(services);

t.test('services are pinned, closed to the outside, and know no secret', async (t) => {
  for (const [name, service] of all) {
    t.match(service.image, /:(local|v?\d+\.\d[\w.-]*)$/, name);
    for (const port of service.ports ?? []) t.match(port, /^127\.0\.0\.1:/, name);
    for (const [variable, value] of Object.entries(service.environment ?? {})) {
      const isSecret = /SECRET|PASSWORD|KEY|TOKEN|DATABASE_URL/.test(variable);
      if (isSecret) t.match(`${variable}=${value}`, /_FILE=\/run\/(conduit|monitoring)\//, name);
    }
    for (const volume of service.volumes ?? []) {
      const [from = ''] = volume.split(':');
      if (from.startsWith('./'))
        t.ok(existsSync(path.join(PACKAGE_FOLDER, from)), `${name}: ${from}`);
    }
  }
  for (const name of ['server-1', 'server-2']) {
    t.match(services[name], { read_only: true, cap_drop: ['ALL'] });
    t.equal(services[name]?.user, undefined, 'the image’s own user');
  }
});

t.test('who is waited for says when it is ready', async (t) => {
  const hasHealthCheck = (name: string): boolean =>
    services[name]?.healthcheck?.test !== undefined || services[name]?.build !== undefined;
  for (const [name, { depends_on = {} }] of all) {
    if (Array.isArray(depends_on)) continue;
    for (const [other, { condition }] of Object.entries(depends_on)) {
      t.ok(other in services, `${name} needs ${other}`);
      if (condition === 'service_healthy') t.ok(hasHealthCheck(other), other);
    }
  }
  const needs = Object.keys(services['server-1']?.depends_on ?? {});
  t.same(needs, ['secrets', 'postgres', 'redis']);
  t.match(readFileSync(path.join(PACKAGE_FOLDER, 'Dockerfile'), 'utf8'), /^HEALTHCHECK /m);
});

t.test('secrets are made once, and are hard to guess', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'secrets-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const read = (): Record<string, string> => {
    execFileSync(path.join(DOCKER, 'make-secrets.sh'), [`${folder}/nodes`, `${folder}/monitoring`]);
    const files = ['nodes', 'monitoring'].flatMap((part) =>
      readdirSync(path.join(folder, part)).map((name) => `${part}/${name}`),
    );
    return Object.fromEntries(
      files.sort().map((file) => [file, readFileSync(path.join(folder, file), 'utf8')]),
    );
  };
  const first = read();
  t.same(read(), first, 'a second start changes nothing');
  for (const [name, text] of Object.entries(first)) {
    if (name !== 'nodes/database_url') t.match(text, /^[\w-]{43}$/, name);
  }
  const url = `postgres://conduit:${first['nodes/postgres_password']}@postgres:5432/conduit`;
  t.equal(first['nodes/database_url'], url);
  t.equal(first['monitoring/metrics_token'], first['nodes/metrics_token']);
  const named = all.flatMap(([, { environment = {} }]) =>
    Object.values(environment).filter((value) => value.startsWith('/run/')),
  );
  for (const file of named) {
    const made = file.replace('/run/conduit', 'nodes').replace('/run/monitoring', 'monitoring');
    t.ok(made.slice(made.startsWith('/') ? 1 : 0) in first, `${file} is made`);
  }
});

t.test(
  'the same order, checks and environment: what one node stores the other gives',
  async (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'compose-'));
    t.teardown(() => rmSync(folder, { recursive: true }));
    const startedAt = performance.now();
    execFileSync(path.join(DOCKER, 'make-secrets.sh'), [folder, `${folder}/monitoring`]);
    const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
    t.teardown(() => postgres.stop());
    t.teardown(() => redis.stop());
    writeFileSync(path.join(folder, 'database_url'), postgres.url);

    const start = async (name: string): Promise<LocalService> => {
      const port = await freePort();
      const local = {
        ...{ '/run/conduit': folder, 'redis://redis:6379': redis.url },
        ...{ '9464': String(await freePort()) },
        [`${name}:8080`]: `127.0.0.1:${port}`,
      };
      const service = startService({ ...services[name]?.environment }, { port, local });
      t.teardown(() => service.kill('SIGKILL'));
      return service;
    };
    const [first, second] = await Promise.all([start('server-1'), start('server-2')]);
    for (const node of [first, second]) await eventually(() => node.isHealthy(), 60_000);
    t.comment(`healthy after ${Math.round(performance.now() - startedAt)} ms`);

    const key = readFileSync(path.join(folder, 'default_api_key'), 'utf8');
    const headers = { 'content-type': 'application/json', 'x-api-key': key };
    const post = (port: number, to: string, body: unknown) =>
      request(`http://127.0.0.1:${port}${to}`, {
        ...{ method: 'POST', headers, body: JSON.stringify(body) },
      });
    t.equal((await post(first.port, '/api/topics', { name: 'demo' })).status, 201);
    const reader = await Subscriber.open(`ws://127.0.0.1:${second.port}`, 'json', key);
    await reader.subscribe('demo');
    t.equal(
      (await post(first.port, '/api/publish', { topic: 'demo', payload: { hello: 1 } })).status,
      200,
    );
    await eventually(() => reader.messages.length === 1);
    reader.close();
    t.equal((await request(`http://127.0.0.1:${first.port}/api/topics`, {})).status, 401);
    t.same(
      await scrapes(first, readFileSync(path.join(folder, 'metrics_token'), 'utf8')),
      [200, 401],
    );

    // As docker compose stop does.
    for (const node of [first, second]) node.kill('SIGTERM');
    t.same(await Promise.all([first.exited, second.exited]), [0, 0]);
    for (const { output } of [first, second]) t.notMatch(output(), key, 'no secret is logged');
    t.notOk(first.isHealthy(), 'a node that is gone is not healthy');
  },
);

/** With the token that Prometheus has, and without. */
async function scrapes({ metricsPort }: LocalService, token: string): Promise<number[]> {
  const url = `http://127.0.0.1:${metricsPort}/metrics`;
  const answers = [{ authorization: `Bearer ${token}` }, {}].map((headers) =>
    request(url, { headers }),
  );
  return (await Promise.all(answers)).map(({ status }) => status);
}

t.test('a secret that is given twice, or cannot be read, is refused in one line', async (t) => {
  const run = (env: Record<string, string>): string => {
    try {
      execFileSync(path.join(DOCKER, 'entrypoint.sh'), ['config'], {
        ...{ env: { PATH: process.env['PATH'], ...env }, stdio: 'pipe', encoding: 'utf8' },
      });
      return 'it started';
    } catch (error) {
      const { status, stderr } = error as { status: number; stderr: string };
      return `${status}: ${stderr.trimEnd().split('\n').at(-1)}`;
    }
  };
  t.equal(
    run({ INTERNAL_SECRET: 'a', INTERNAL_SECRET_FILE: '/dev/null' }),
    '78: conduit: INTERNAL_SECRET and INTERNAL_SECRET_FILE are both set; set one of them',
  );
  t.equal(
    run({ ADMIN_API_KEY_FILE: '/nowhere/key' }),
    '78: conduit: ADMIN_API_KEY_FILE: /nowhere/key cannot be read',
  );
});
