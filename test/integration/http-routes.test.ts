// Goal: what holds for every route holds for each row of the table: 405 with Allow, HEAD, OPTIONS; and
// whatever a body or a query holds that its schema does not take is refused by name, never taken for
// something else.
import t from 'tap';
import { z } from 'zod';
import { startNode } from '../../native-bench/rig/node.js';
import type { Route } from '../../src/acceptor/http/route.js';
import { methodsOf, routesByPath } from '../../src/acceptor/http/router.js';
import { type Answer, request } from '../support/clients/publisher.js';
import { ROUTES, surpriseIn } from '../support/documents/described-routes.js';
import { BODIES, isStream, nameOf, targetOf } from '../support/documents/route-requests.js';

/** JSON texts; each is something that some member does not take. */
const VALUES = ['true', '-1', '1.5', '"x y"', '""', '[]', '[null]', '{}', '{"a":1}', '"\\ud800"'];
const TOO_LARGE = ['9007199254740993', '-9007199254740993', '1e400', '1.00000000000000000001'];
const DEEP = `${'['.repeat(100)}${']'.repeat(100)}`;

const node = await startNode({ WORKERS: '2' });
t.teardown(() => node.kill9());
const headers = { 'content-type': 'application/json' };
await request(`${node.url}/api/topics`, { method: 'POST', headers, body: '{"name":"fuzz"}' });

/** Publishes are read by scanners, which let pass what they do not know. */
const isScanned = ({ scope, method }: Route): boolean => scope === 'publish' && method === 'POST';

async function send(route: Route, body: string): Promise<Answer> {
  const target = targetOf(route.path);
  const isEvent = route.method === 'POST' && route.path.endsWith('/events');
  const type = isEvent ? 'application/cloudevents+json' : 'application/json';
  const answer = await request(`${node.url}${target}`, {
    ...{ method: route.method, headers: { 'content-type': type }, body },
  });
  const { status } = answer;
  const text = status === 204 ? '' : JSON.stringify(answer.body);
  const seen = { status, type: String(answer.headers['content-type'] ?? ''), text };
  t.equal(surpriseIn(route.method, target, seen), null, body);
  return answer;
}

function membersOf(schema: z.core.$ZodType | null): string[] {
  if (schema instanceof z.ZodPipe) return membersOf(schema.in);
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

t.test('every other method is answered 405 with Allow, OPTIONS with it alone', async (t) => {
  for (const [path, routes] of routesByPath(ROUTES)) {
    const url = `${node.url}${targetOf(path)}`;
    const allow = methodsOf(routes);
    const taken = allow.split(', ');
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACE']) {
      if (taken.includes(method)) continue;
      const answer = await request(url, { method });
      t.match(answer, { status: 405, headers: { allow } }, `${method} ${path}`);
    }
    const options = await request(url, { method: 'OPTIONS' });
    t.match(options, { status: 204, headers: { allow } }, `OPTIONS ${path}`);
  }
});

t.test('HEAD is answered as GET is, without its body', async (t) => {
  for (const { method, path } of ROUTES) {
    if (method !== 'GET' || isStream(path)) continue;
    const url = `${node.url}${targetOf(path)}`;
    const { status } = await request(url, {});
    t.match(await request(url, { method: 'HEAD' }), { status, body: {} }, path);
  }
});

const withBody = ROUTES.filter(({ body }) => body !== null);
t.same(Object.keys(BODIES).sort(), withBody.map(nameOf).sort(), 'a body for each that takes one');

for (const route of withBody) {
  const { body: schema } = route;
  const base = BODIES[nameOf(route)] ?? {};
  const members = membersOf(schema);
  const withMember = (member: string, text: string): string => {
    const others = Object.entries(base).filter(([name]) => name !== member);
    const pairs = others.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
    return `{${[...pairs, `${JSON.stringify(member)}:${text}`].join(',')}}`;
  };
  const isTaken = (body: string): boolean => schema?.safeParse(JSON.parse(body)).success === true;

  t.test(`${nameOf(route)}: what is no object, or too deep`, async (t) => {
    for (const body of ['null', '1', '"x"', ...(route.path.endsWith('batch') ? [] : ['[]'])]) {
      t.match(
        await send(route, body),
        { status: 400, body: { code: 'body_must_be_object' } },
        body,
      );
    }
    for (const body of ['', '{', withMember('a', DEEP)]) {
      t.equal((await send(route, body)).status, 400, body.slice(0, 20));
    }
  });

  t.test(`${nameOf(route)}: what a member does not take is refused by its name`, async (t) => {
    for (const member of members) {
      for (const text of VALUES) {
        const body = withMember(member, text);
        if (isTaken(body)) continue;
        const { status, body: problem } = await send(route, body);
        t.equal(status, 400, body);
        // One of a batch is named by its place.
        if (problem['field'] === undefined && route.path.endsWith('batch')) continue;
        const field = String(problem['field']).split('.')[0] ?? '';
        t.ok([...members, 'topic', 'id'].includes(field), `${body}: ${field}`);
      }
    }
  });

  if (isScanned(route)) continue;

  t.test(`${nameOf(route)}: an unknown member, and numbers that would be rounded`, async (t) => {
    for (const name of ['unknown', '__proto__', 'constructor', 'Name']) {
      const answer = await send(route, withMember(name, '1'));
      t.match(answer, { status: 400, body: { code: 'invalid_field', field: name } }, name);
      t.match(answer.body['detail'], 'known: ');
    }
    for (const member of members) {
      for (const text of TOO_LARGE) {
        const answer = await send(route, withMember(member, text));
        t.match(answer, { status: 400, body: { field: member } }, `${member} ${text}`);
      }
    }
  });
}

t.test('a query that is not one names its parameter', async (t) => {
  for (const { method, path, query } of ROUTES) {
    if (query === null) continue;
    const ask = (text: string): Promise<Answer> =>
      request(`${node.url}${targetOf(path)}?${text}`, { method });
    for (const name of ['unknown', '__proto__']) {
      const answer = await ask(`${name}=1`);
      t.match(answer, { status: 400, body: { code: 'invalid_query', field: name } }, path);
    }
    for (const name of membersOf(query)) {
      const twice = await ask(`${name}=1&${name}=1`);
      t.match(twice, { status: 400, body: { code: 'invalid_query', field: name } }, path);
    }
    if (!membersOf(query).includes('limit')) continue;
    for (const limit of ['', '0', '-1', '1.0', '1e3', '0x1', '1001', '9007199254740993', 'null']) {
      const { status, body } = await ask(`limit=${limit}`);
      t.match(
        { status, body },
        { status: 400, body: { code: 'invalid_query', field: 'limit' } },
        limit,
      );
      t.match(body['detail'], /got ".*", .*\(PAGE_ITEMS_MAX\)/);
    }
  }
});
