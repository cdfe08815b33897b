// Goal: compose.yaml is what it says: services in the right order, pinned, without a secret of its own and
// open to this host only; and the same order, health checks and environment, as local processes, are two
// nodes of which one gives what the other was published.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import WebSocket from 'ws';
import { parse } from 'yaml';
import { eventually } from '../../native-bench/rig/eventually.js';
import { freePort } from '../../native-bench/rig/free-port.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { AddressBlocks } from '../../src/core/network-address.js';
import { request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { BALANCER_ADDRESS, startHaProxy } from '../support/servers/haproxy.js';
import { DOCKER, type LocalService, startService } from '../support/servers/local-service.js';
import { startRedis } from '../support/servers/redis-server.js';

const PACKAGE_FOLDER = fileURLToPath(new URL('../../../', import.meta.url));

/** Generous: of a machine that has much else to do. */
const START_MS_MAX = 240_000;

interface Service {
  image: string;
  build?: string;
  environment?: Record<string, string>;
  depends_on?: Record<string, { condition: string }> | string[];
  ports?: string[];
  volumes?: string[];
  networks?: string[] | Record<string, { ipv4_address?: string }>;
  healthcheck?: { test?: string[]; disable?: boolean };
  read_only?: boolean;
  cap_drop?: string[];
  user?: string;
}

interface Network {
  ipam?: { config: { subnet: string; gateway: string; ip_range: string }[] };
}

const { services, networks } = parse(
  readFileSync(path.join(PACKAGE_FOLDER, 'compose.yaml'), 'utf8'),
  { merge: true },
) as { services: Record<string, Service>; networks: Record<string, Network> };
const all = Object.entries(services);

t.test('services are pinned, closed to the outside, and know no secret', async (t) => {
  for (const [name, service] of all) {
    t.match(service.image, /:(local|v?\d+\.\d[\w.-]*)$/, name);
    for (const port of service.ports ?? []) t.match(port, /^127\.0\.0\.1:/, name);
    for (const [variable, value] of Object.entries(service.environment ?? {})) {
      const isSecret = /SECRET|PASSWORD|KEY|TOKEN|DATABASE_URL/.test(variable);
      if (isSecret)
        t.match(`${variable}=${value}`, /_FILE=\/run\/(conduit|database|monitoring)\//, name);
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

t.test('who reads secrets reads those that it needs', async (t) => {
  const folders = new Map(
    all.map(([name, { volumes = [] }]) => [
      name,
      volumes.flatMap((volume) => /:(\/run\/\w+:ro)$/.exec(volume)?.[1] ?? []),
    ]),
  );
  t.same(folders.get('postgres'), ['/run/database:ro']);
  for (const name of ['server-1', 'server-2']) t.same(folders.get(name), ['/run/conduit:ro']);
  for (const name of ['prometheus', 'grafana'])
    t.same(folders.get(name), ['/run/monitoring:ro'], name);
  for (const name of ['redis', 'proxy']) t.same(folders.get(name), [], name);
});

t.test('nodes trust the balancer, whose address nobody else can have', async (t) => {
  const attached = services['proxy']?.networks as Record<string, { ipv4_address?: string }>;
  const address = attached?.['front']?.ipv4_address ?? '';
  for (const name of ['server-1', 'server-2']) {
    t.equal(services[name]?.environment?.['TRUSTED_PROXIES'], address);
  }
  const config = networks['front']?.ipam?.config[0];
  t.ok(config);
  t.not(config?.gateway, address, 'ports of the host come from there');
  const holds = (block = ''): boolean => new AddressBlocks([block]).has(address);
  t.ok(holds(config?.subnet));
  t.notOk(holds(config?.ip_range), 'and no other service is given it');
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
    const parts = ['nodes', 'database', 'monitoring'];
    const folders = parts.map((part) => path.join(folder, part));
    execFileSync(path.join(DOCKER, 'make-secrets.sh'), folders);
    const files = parts.flatMap((part) =>
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
  const url = `postgres://conduit:${first['database/postgres_password']}@postgres:5432/conduit`;
  t.equal(first['nodes/database_url'], url);
  t.equal(first['monitoring/metrics_token'], first['nodes/metrics_token']);
  const named = all.flatMap(([, { environment = {} }]) =>
    Object.values(environment).filter((value) => value.startsWith('/run/')),
  );
  for (const file of named) {
    t.ok(file.replace('/run/conduit', 'nodes').replace('/run/', '') in first, `${file} is made`);
  }
});

t.test(
  'the same order, checks and environment: what one node stores the other gives',
  async (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'compose-'));
    t.teardown(() => rmSync(folder, { recursive: true }));
    const startedAt = performance.now();
    const others = [`${folder}/database`, `${folder}/monitoring`];
    execFileSync(path.join(DOCKER, 'make-secrets.sh'), [folder, ...others]);
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
        [services['server-1']?.environment?.['TRUSTED_PROXIES'] ?? '']: BALANCER_ADDRESS,
      };
      const service = startService({ ...services[name]?.environment }, { port, local });
      t.teardown(() => service.kill('SIGKILL'));
      return service;
    };
    const [first, second] = await Promise.all([start('server-1'), start('server-2')]);
    for (const node of [first, second]) await eventually(() => node.isHealthy(), START_MS_MAX);
    t.comment(`healthy after ${Math.round(performance.now() - startedAt)} ms`);

    const balancer = await startHaProxy([first.port, second.port]);
    t.teardown(() => balancer.stop());

    const key = readFileSync(path.join(folder, 'default_api_key'), 'utf8');
    const admin = readFileSync(path.join(folder, 'admin_api_key'), 'utf8');
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
    await t.test('by way of the balancer, for WebSocket and event streams, too', async (t) => {
      const forged = { 'x-forwarded-for': '203.0.113.7', 'x-api-key': key };
      const sockets: WebSocket[] = [];
      const stream = new AbortController();
      t.teardown(() => {
        for (const socket of sockets) socket.terminate();
        stream.abort();
      });
      // A balancer whose first look took too long has no server until the next one.
      for (const port of [balancer.port, first.port]) {
        await eventually(async () => {
          const url = `ws://127.0.0.1:${port}/ws?client=${port}`;
          const socket = new WebSocket(url, { headers: forged });
          sockets.push(socket);
          return once(socket, 'open').then(
            () => true,
            () => false,
          );
        });
      }
      const events = await fetch(`http://127.0.0.1:${balancer.port}/api/topics/demo/events`, {
        ...{ headers: { 'x-api-key': key }, signal: stream.signal },
      });
      t.equal(events.headers.get('content-type'), 'text/event-stream');
      const sessions = await Promise.all(
        [first.port, second.port].map(async (port) => {
          const headers = { 'x-api-key': admin };
          const { body } = await request(`http://127.0.0.1:${port}/api/sessions`, { headers });
          return (body as { sessions: { client: string; address: string }[] }).sessions;
        }),
      );
      const address = (port: number) =>
        sessions.flat().find(({ client }) => client === String(port))?.address;
      t.equal(address(balancer.port), '127.0.0.1', 'the balancer says who asked, not the client');
      t.equal(address(first.port), '127.0.0.1', 'and nobody else is believed');
      for (const place of ['/internal/forward', '/metrics']) {
        const answer = await fetch(`http://127.0.0.1:${balancer.port}${place}`);
        t.equal(answer.status, 404, place);
        t.equal(answer.headers.get('content-type'), 'text/html', 'by the balancer');
      }
    });
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
