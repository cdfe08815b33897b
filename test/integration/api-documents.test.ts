// Goal: what /api/openapi.json and /api/asyncapi.json say is so. They are valid, by the tools of those who
// wrote the specifications; every operation is asked of a node, with success and without, and every answer
// and every frame fits its schema; every code of an error stands there with what it means. The page is made
// of them, and loads nothing.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { PACKAGE_FOLDER } from '../../native-bench/rig/node.js';
import type { AsyncApi, OpenApi } from '../../src/acceptor/description/described.js';
import { isForNodes } from '../../src/acceptor/description/openapi.js';
import { ERROR_ADVICE } from '../../src/core/error-advice.js';
import { ERRORS } from '../../src/core/errors.js';
import { EventStream } from '../support/clients/event-stream.js';
import { request } from '../support/clients/publisher.js';
import { ApiDescription } from '../support/documents/api-description.js';
import { ROUTES as ALL, type SeenAnswer } from '../support/documents/described-routes.js';
import { BODIES, isStream, nameOf, targetOf } from '../support/documents/route-requests.js';
import { ADMIN_KEY, startKeyedNode, TENANT_KEY } from '../support/nodes/keyed-node.js';
import { TenantStory, tellAll } from '../support/tenants/tenant-story.js';

/** What is described. */
const ROUTES = ALL.filter((route) => !isForNodes(route));
const run = promisify(execFile);
const load = createRequire(import.meta.url);
const folder = mkdtempSync(path.join(os.tmpdir(), 'conduit-documents-'));
t.teardown(() => rmSync(folder, { recursive: true }));
const node = await startKeyedNode({ LOGINS_PER_MINUTE_MAX: '1000' });
t.teardown(() => node.kill9());

async function documentAt(target: string): Promise<unknown> {
  const { status, body } = await request(`${node.url}${target}`, {});
  if (status !== 200) throw new Error(`${target} ${status}`);
  return body;
}

const openApi = (await documentAt('/api/openapi.json')) as OpenApi;
const asyncApi = (await documentAt('/api/asyncapi.json')) as AsyncApi;
const described = new ApiDescription(openApi, asyncApi);
const operations = Object.values(openApi.paths).flatMap((item) => Object.values(item));

t.test('redocly finds nothing wrong with the one', async (t) => {
  const file = path.join(folder, 'openapi.json');
  writeFileSync(file, JSON.stringify(openApi));
  const command = path.join(PACKAGE_FOLDER, 'node_modules/.bin/redocly');
  // GET /ws answers whoever comes without an upgrade: it has no success.
  const rules = ['--skip-rule=operation-2xx-response'];
  const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };
  const { stderr, stdout } = await run(command, ['lint', file, ...rules], { env });
  t.match(`${stdout}${stderr}`, 'Your API description is valid');
  t.notMatch(`${stdout}${stderr}`, /You have \d+/);
});

t.test('the other is as its schema says, and each reference leads somewhere', async (t) => {
  const { default: Ajv } = load('ajv') as typeof import('ajv');
  const ajv = new Ajv({ strict: false, validateFormats: false, logger: false });
  const schema = load('@asyncapi/specs/schemas/3.1.0-without-$id.json') as object;
  t.ok(ajv.validate(schema, asyncApi), ajv.errorsText());
  const refs = [...JSON.stringify(asyncApi).matchAll(/"\$ref":"#\/([^"]+)"/g)];
  t.ok(refs.length > 50);
  for (const [, ref = ''] of refs) {
    let at: unknown = asyncApi;
    for (const part of ref.split('/')) at = (at as Record<string, unknown>)?.[part];
    t.ok(at !== undefined, ref);
  }
});

t.test('every route is an operation, and every operation a route', async (t) => {
  const routes = ROUTES.map(
    ({ method, path: place }) => `${method} ${place.replace(/:(\w+)/g, '{$1}')}`,
  );
  const there = Object.entries(openApi.paths).flatMap(([place, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${place}`),
  );
  t.same(there.sort(), routes.sort());
  const ids = operations.map(({ operationId }) => operationId);
  t.equal(new Set(ids).size, ids.length);
});

t.test('every code stands there, with what it means', async (t) => {
  const codes = openApi.components.schemas['ErrorCode']?.oneOf ?? [];
  const told = Object.fromEntries(codes.map(({ const: code, description }) => [code, description]));
  t.same(told, ERROR_ADVICE);
  t.same(Object.keys(told).sort(), Object.keys(ERRORS).sort());
});

t.test(
  'every operation answers as it is described, to whoever may ask and whoever may not',
  async (t) => {
    const { key } = await node.makeTenantKey('described');
    const stories = [key, ADMIN_KEY].map((one) => new TenantStory(node, one, 'described'));
    const [tenant, operator] = stories as [TenantStory, TenantStory];
    await tellAll(tenant);
    for (const { method, path: place } of ROUTES) {
      if (method === 'GET' && isStream(place)) continue;
      const name = nameOf({ method, path: place });
      await operator.ask(`${method} ${targetOf(place)}`, BODIES[name]);
      const wrong = BODIES[name] === undefined ? undefined : { no_such: 1 };
      await operator.ask(`${method} ${targetOf(place)}?no_such=1`, wrong);
      const answer = await request(`${node.url}${targetOf(place)}`, { method });
      const { status, body, headers } = answer;
      const seen = {
        status,
        type: String(headers['content-type'] ?? ''),
        text: JSON.stringify(body),
      };
      t.equal(described.misfit(method, targetOf(place), seen), null);
    }
    await operator.ask('DELETE /api/tenants/fuzz');
    await operator.ask('POST /api/tenants', { name: 'made' });
    await operator.ask('PATCH /api/tenants/made', { quotas: { messages_per_s: 5 } });
    await operator.ask('DELETE /api/tenants/made');
    const page = await fetch(node.url, { headers: { accept: 'text/html' } });
    const [asset = '/'] = /\/assets\/[\w.-]+/.exec(await page.text()) ?? [];
    for (const target of ['/', asset]) {
      const file = await fetch(`${node.url}${target}`, { headers: { accept: 'text/html' } });
      const type = file.headers.get('content-type') ?? '';
      const seen = { status: file.status, type, text: await file.text() };
      t.equal(described.misfit('GET', target, seen), null);
    }
    t.equal(described.misfit('DELETE', '/api/session', await loggedOut()), null);
    t.equal(described.misfit('POST', DRAIN, await ended()), null);
    for (const [target, status] of [
      ['/api/topics/none/events', 404],
      ['/api/stream?what=1', 400],
    ] as const) {
      const { body } = await node.ask(`GET ${target}`, TENANT_KEY);
      const refused = { status, type: 'application/problem+json', text: JSON.stringify(body) };
      t.equal(described.misfit('GET', target, refused), null);
    }
    await node.ask('POST /api/topics', TENANT_KEY, { name: 'fuzz' });
    await operator.ask('POST /api/topics/fuzz/move', { database: 1, tenant: 'default' });
    for (const target of ['/api/topics/fuzz/events', '/api/stream']) {
      const stream = await EventStream.open(`${node.url}${target}`, '', TENANT_KEY);
      const type = String(stream.response.headers['content-type']);
      const opened = { status: stream.status, type, text: JSON.stringify({}) };
      t.equal(described.misfit('GET', target, opened), null);
      stream.close();
    }
    for (const { method, target, ...answer } of stories.flatMap(({ answers }) => answers)) {
      if (isForNodes({ path: target })) continue;
      t.equal(described.misfit(method, target, answer), null);
    }
    for (const { operationId, responses } of operations) {
      const good = Object.keys(responses).filter((status) => Number(status) < 400);
      const seen = [...described.seen].filter((one) => one.startsWith(`${operationId} `));
      const statuses = seen.map((one) => one.split(' ')[1] ?? '');
      t.ok(
        good.length === 0 || statuses.some((one) => good.includes(one)),
        `${operationId}: ${seen}`,
      );
      t.ok(
        statuses.some((one) => Number(one) >= 400) || isOpen(operationId),
        `${operationId}: ${seen}`,
      );
    }
    for (const session of tenant.sessions) {
      for (const frame of [...session.control, ...session.messages]) {
        t.equal(described.misfitOfFrame(frame), null);
      }
    }
  },
);

/** A page of the node that logs in, and out. */
async function loggedOut(): Promise<SeenAnswer> {
  const url = `${node.url}/api/session`;
  const origin = node.url;
  const login = { method: 'POST', headers: { 'x-api-key': TENANT_KEY, origin } };
  const { headers } = await request(url, login);
  const cookie = headers['set-cookie']?.[0]?.split(';')[0] ?? '';
  const { status, body } = await request(url, { method: 'DELETE', headers: { cookie, origin } });
  return { status, type: '', text: JSON.stringify(body) };
}

const DRAIN = '/api/nodes/ending/drain';

/** Of another node, which ends with it. */
async function ended(): Promise<SeenAnswer> {
  const ending = await startKeyedNode({ NODE_ID: 'ending' });
  const { status, body, headers } = await ending.ask(`POST ${DRAIN}`, ADMIN_KEY);
  await ending.exited;
  const type = String(headers['content-type'] ?? '');
  return { status, type, text: JSON.stringify(body) };
}

/** What cannot be refused: it takes nothing, and asks for no key. */
function isOpen(operationId: string): boolean {
  const route = operations.find((one) => one.operationId === operationId);
  return route?.security.length === 0 && route.parameters === undefined;
}

t.test('what the schemas refuse is told from what they take', async (t) => {
  const type = 'application/json';
  const wrong = { status: 200, type, text: '{"topics":[{"name":1}]}' };
  t.match(described.misfit('GET', '/api/topics', wrong), 'must be string');
  t.match(described.misfit('GET', '/api/topics', { ...wrong, status: 418 }), 'not described');
  t.match(described.misfitOfFrame({ type: 'acked' }), 'must have required property');
});

t.test('the page is made of them, and loads nothing', async (t) => {
  const answer = await fetch(`${node.url}/api/docs`);
  const html = await answer.text();
  t.match(answer.headers.get('content-type'), 'text/html');
  const style = /<style>([\s\S]*?)<\/style>/.exec(html)?.[1] ?? '';
  const hash = createHash('sha256').update(style).digest('base64');
  const policy = answer.headers.get('content-security-policy') ?? '';
  t.equal(
    policy,
    `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; ` +
      "frame-ancestors 'none'",
  );
  t.equal(answer.headers.get('x-content-type-options'), 'nosniff');
  t.notMatch(html, /<script|<link|<img|<iframe|\ssrc=|\sstyle=|\son\w+=|@import|url\(/);
  for (const [, target = ''] of html.matchAll(/href="([^"]*)"/g)) {
    if (target.startsWith('/')) t.equal((await request(`${node.url}${target}`, {})).status, 200);
    else t.ok(target === '#' || html.includes(`id="${target.slice(1)}"`), target);
  }
  for (const { operationId } of operations) t.ok(html.includes(`id="${operationId}"`), operationId);
  for (const name of Object.keys(asyncApi.components.messages)) t.match(html, `-${name}"`);
  for (const code of Object.keys(ERRORS)) t.ok(html.includes(`id="error-${code}"`), code);
});
