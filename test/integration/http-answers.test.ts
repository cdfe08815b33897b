// Goal: what the control routes answer stays as clients know it, to the byte and to the order of keys. One
// story is told to a node in memory and to a durable one; what differs with every run is masked, and the
// words of errors are left to the tests of each. test/vectors/http-answers.txt holds the answers, one a line:
// where a change of them is meant, GOLDEN=write writes it anew, and its diff is what clients will see.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { PACKAGE_FOLDER, startNode, type TestNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { ROUTES, routeOf, surpriseIn } from '../support/documents/described-routes.js';

const VECTORS = path.join(PACKAGE_FOLDER, 'test/vectors/http-answers.txt');
const TOPIC = 'answers.all';
const SUBSCRIPTION = `/api/subscriptions/${TOPIC}/s`;
const EPHEMERAL = 'answers.session';

const ISO_TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const SESSION_ID = /\b[0-9a-f]{12}-\d+-\d+-\d+\b/g;
const TEXTS = /"(epoch|session|node|version|detail|address|token|secret)":"(?:[^"\\]|\\.)*"/g;
const NUMBERS =
  /"(id|deferred_id|oldest_unacked_ms|heads_ms|\w*looked_ms|upkeep_ms|renewed_ms|uptime_seconds|hot_cache_bytes|messages_per_sec|busy|late_ms|cpu_cores|resident_bytes)":[\d.]+/g;
/** Of lists in the order of ids. */
const NEXT_ID = /"next":\d+/g;

class Story {
  /** Request, status and body. */
  readonly answers: string[] = [];
  /** What the table of routes does not say. */
  readonly surprises: string[] = [];
  /** Method and path of those that gave what they are for. */
  readonly served = new Set<string>();
  readonly #node: TestNode;

  constructor(node: TestNode) {
    this.#node = node;
  }

  /** Keeps the answer under the request, without the ids in it. */
  async asks(request: string, body?: unknown, accept = 'application/json'): Promise<string> {
    const { status, text } = await this.ask(request, body, accept);
    const named = request.replace(UUID, '<uuid>').replace(SESSION_ID, '<session>');
    const step = named.replace(/\/\d+$/, '/<id>');
    this.answers.push(`${step}  ${status}  ${masked(text, request)}`);
    return text;
  }

  /** The same, once the answer fits. */
  async sees(request: string, fits: (text: string) => boolean): Promise<string> {
    await eventually(async () => fits((await this.ask(request)).text));
    return this.asks(request);
  }

  async ask(
    request: string,
    body?: unknown,
    accept = 'application/json',
  ): Promise<{ status: number; text: string }> {
    const [method = '', target = ''] = request.split(' ');
    const isEvent = method === 'POST' && target.endsWith('/events');
    const sent = isEvent ? 'application/cloudevents+json' : 'application/json';
    const answer = await fetch(`${this.#node.url}${target}`, {
      method,
      headers: {
        accept,
        ...(body === undefined ? {} : { 'content-type': sent }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const seen = {
      status: answer.status,
      type: answer.headers.get('content-type') ?? '',
      text: await answer.text(),
    };
    const surprise = surpriseIn(method, target, seen);
    if (surprise !== null) this.surprises.push(surprise);
    const route = routeOf(method, target.split('?')[0] ?? '');
    if (answer.ok && route !== undefined) this.served.add(`${route.method} ${route.path}`);
    return seen;
  }
}

function masked(text: string, request: string): string {
  // integration/metrics.test reads it.
  if (request === 'GET /metrics') return '<metrics>';
  const known = text
    .replace(ISO_TIME, '<time>')
    .replace(UUID, '<uuid>')
    .replace(SESSION_ID, '<session>')
    .replaceAll('\n', '<newline>')
    .replace(TEXTS, '"$1":"<text>"')
    .replace(NUMBERS, '"$1":<number>');
  return /dead-letters|deferred/.test(request) ? known.replace(NEXT_ID, '"next":<number>') : known;
}

async function tellTopics(story: Story): Promise<void> {
  const retention = { hours: 5, messages: 1_000 };
  await story.asks('POST /api/topics', { name: TOPIC, retention });
  await story.asks('POST /api/topics', { name: TOPIC });
  await story.asks('POST /api/topics', { name: 'answers.b' });
  await story.asks('POST /api/topics', { name: EPHEMERAL });
  await story.asks('POST /api/topics', { retention });
  await story.asks('GET /api/topics');
  await story.asks('GET /api/topics?prefix=answers.&limit=2');
  await story.asks(`GET /api/topics/${TOPIC}`);
  await story.asks('GET /api/topics/answers.none');
  await story.asks(`PATCH /api/topics/${TOPIC}`, { retention: { hours: 7 } });
  await story.asks('PATCH /api/topics/answers.none', { retention: { hours: 7 } });
  await story.asks(`GET /api/topics/${TOPIC}/position`);
  await story.asks('GET /api/topics/answers.none/position');
  await story.asks(`GET /api/topics/${TOPIC}/messages`);
}

async function tellDeferred(story: Story): Promise<void> {
  const later = { topic: TOPIC, payload: 'later', delay_ms: 3_600_000 };
  await story.asks('GET /api/deferred');
  const first = await story.asks('POST /api/publish', later);
  await story.asks('POST /api/publish', { ...later, topic: 'answers.b', payload: { n: 2 } });
  await story.asks('GET /api/deferred');
  await story.asks(`GET /api/deferred?topic=${TOPIC}&limit=1`);
  const id = (JSON.parse(first) as { deferred_id: number }).deferred_id;
  await story.asks(`DELETE /api/deferred/${id}`);
  await story.asks(`DELETE /api/deferred/${id}`);
}

const CLOUD_EVENT = { id: '1', source: '/s', type: 't', specversion: '1.0', data: { n: 1 } };

/** Ids of six messages. */
async function tellMessages(story: Story): Promise<string[]> {
  const more = { key: 'k"1', headers: { a: 'b', c: 'ü' } };
  const one = await story.asks('POST /api/publish', { topic: TOPIC, payload: { n: 1 }, ...more });
  const payloads = ['two\nlines', [3], null, 5.5, { deep: { er: true } }];
  const messages = payloads.map((payload) => ({ topic: TOPIC, payload }));
  const batch = await story.asks('POST /api/publish/batch', { messages });
  await story.asks(`GET /api/topics/${TOPIC}/messages?limit=2`);
  await story.asks(`GET /api/topics/${TOPIC}/messages?order=desc&from_sequence=5&limit=4`);
  await story.asks(`GET /api/topics/${TOPIC}/position`);
  await story.asks('POST /api/topics/answers.b/events', CLOUD_EVENT);
  await story.asks('POST /api/topics/answers.b/events', { ...CLOUD_EVENT, specversion: '2.0' });
  const idOf = ({ message_id: id }: { message_id: string }): string => id;
  const { results } = JSON.parse(batch) as { results: { message_id: string }[] };
  return [idOf(JSON.parse(one) as { message_id: string }), ...results.map(idOf)];
}

/** One message is acknowledged, one fails, one is given up, two are in flight, one is still to come. */
async function tellSubscriptions(story: Story, node: TestNode, ids: string[]): Promise<void> {
  await story.asks('GET /api/subscriptions');
  const session = await Subscriber.open(node.wsUrl, 'json');
  const options = { ack_wait_ms: 600_000, start: { from: 'earliest' } };
  await session.subscribe(TOPIC, { subscription: 's', max_in_flight: 3, ...options });
  const verdicts = [
    { type: 'ack' },
    { type: 'nack', delay_ms: 600_000, reason: 'not yet' },
    { type: 'reject', reason: 'bad' },
  ];
  for (const [n, verdict] of verdicts.entries()) {
    const sequence = n + 1;
    await eventually(() => session.messages.some((message) => message['sequence'] === sequence));
    session.send({ ...verdict, topic: TOPIC, sequence, ref: `r${n}` });
    await session.waitFor(({ ref }) => ref === `r${n}`);
  }
  await eventually(() => session.messages.length === 5);
  await story.asks('GET /api/subscriptions');
  await story.asks(`GET /api/subscriptions?topic=${TOPIC}&limit=1`);
  await story.asks(`GET ${SUBSCRIPTION}`);
  await story.asks(`GET /api/subscriptions/${TOPIC}/none`);
  await story.asks('GET /api/subscriptions/answers.none/none');
  for (const id of ids) await story.asks(`GET /api/messages/${id}`);
  await story.asks(`GET /api/topics/${TOPIC}`);
  session.send({ type: 'hello', client: 'answers', version: '1' });
  await story.sees('GET /api/sessions', (text) => text.includes('"client":"answers"'));
  await story.asks('GET /api/sessions?topic=answers.none');
  session.close();
  await eventually(() => session.closed !== null);
  await story.sees(`GET ${SUBSCRIPTION}`, (text) => text.includes('"sessions":0'));
  for (const id of ids) await story.asks(`GET /api/messages/${id}`);
  await story.asks('GET /api/messages/00000000-0000-7000-8000-000000000000');
  await story.asks('GET /api/messages/none');
}

async function tellChanges(story: Story): Promise<void> {
  await story.asks(`PATCH ${SUBSCRIPTION}`, { ack_wait_ms: 900, max_deliver: 3 });
  await story.asks(`PATCH ${SUBSCRIPTION}`, { max_deliver: 4 });
  await story.asks(`POST ${SUBSCRIPTION}/pause`);
  await story.asks(`GET ${SUBSCRIPTION}`);
  await story.asks(`POST ${SUBSCRIPTION}/resume`);
  await story.asks(`POST ${SUBSCRIPTION}/seek`, { sequence: 2 });
  await story.asks(`POST ${SUBSCRIPTION}/seek`, { from: 'latest' });
  await story.asks(`POST ${SUBSCRIPTION}/seek`, { from: 'nowhere' });
  for (const what of ['ack', 'nack', 'extend', 'reject']) {
    await story.asks(`POST ${SUBSCRIPTION}/${what}`, { tokens: ['1.1.e'] });
  }
  await story.asks(`POST ${SUBSCRIPTION}/ack`, { tokens: ['none'] });
  await story.asks(`POST ${SUBSCRIPTION}/pull`, { max: 0 });
  await story.asks('POST /api/subscriptions/answers.none/s/pull', {});
  await story.asks(`POST /api/subscriptions/${TOPIC}/none/pause`);
  await story.asks('POST /api/subscriptions/answers.none/s/pause');
}

async function tellDeadLetters(story: Story, node: TestNode): Promise<void> {
  const letters = '/api/dead-letters';
  const session = await Subscriber.open(node.wsUrl, 'json');
  await session.subscribe(EPHEMERAL, { ack_wait_ms: 600_000 });
  const published = await story.asks('POST /api/publish', { topic: EPHEMERAL, payload: ['e'] });
  await eventually(() => session.messages.length === 1);
  session.send({ type: 'reject', topic: EPHEMERAL, sequence: 1 });
  await story.sees(`GET ${letters}?topic=${EPHEMERAL}`, (text) => text.includes('"id"'));
  await story.asks(`GET ${letters}?topic=${TOPIC}&subscription=s`);
  await story.asks(`GET ${letters}?limit=1`);
  await story.asks(`GET /api/dead-letter-groups?topic=${EPHEMERAL}`);
  await story.asks(`GET ${letters}`, undefined, 'application/x-ndjson');
  const { message_id } = JSON.parse(published) as { message_id: string };
  await story.asks(`GET /api/messages/${message_id}`);
  const listed = await story.ask(`GET ${letters}?topic=${TOPIC}`);
  const { dead_letters: of } = JSON.parse(listed.text) as { dead_letters: { id: number }[] };
  const one = of[0]?.id ?? 0;
  await story.asks(`GET ${letters}/${one}`);
  const ids = [one];
  const job = await story.asks(`POST ${letters}/redrive`, { ids });
  const { job_id } = JSON.parse(job) as { job_id: string };
  await story.sees(`GET /api/jobs/${job_id}`, (text) => !text.includes('"running"'));
  await story.asks(`DELETE /api/jobs/${job_id}`);
  await story.asks('GET /api/jobs/none');
  await story.asks(`POST ${letters}/redrive`, { ids: [999_999_999] });
  await story.asks(`POST ${letters}/purge`, { topic: EPHEMERAL });
  await story.asks(`POST ${letters}/purge`, {});
  await story.asks(`DELETE ${letters}/${one}`);
  await story.asks(`GET ${letters}/${one}`);
  const { text: connected } = await story.ask('GET /api/sessions');
  const id = connected.match(SESSION_ID)?.[0];
  await story.asks(`DELETE /api/sessions/${id}`);
  await story.asks(`DELETE /api/sessions/${id}`);
  await eventually(() => session.closed !== null);
}

async function tellSystem(story: Story): Promise<void> {
  const isIdle = (text: string): boolean => /"active_subscribers":0,.*"sessions":0,/.test(text);
  await story.sees('GET /api/stats', isIdle);
  const isCounted = (text: string): boolean => /"sessions":0,"topics":3,/.test(text);
  await story.sees('GET /api/nodes', isCounted);
  await story.sees('GET /api/health', (text) => text.includes('"status":"ok"'));
  const targets = ['/livez', '/readyz', '/', '/ws', '/assets/none.js', '/api/session', '/metrics'];
  for (const target of targets) await story.asks(`GET ${target}`);
  await story.asks('POST /internal/forward', {});
}

async function tellEnds(story: Story): Promise<void> {
  // What was given back of the dead letters may have come by now, or not.
  await story.ask(`POST ${SUBSCRIPTION}/pull`, {});
  const webhook = `/api/subscriptions/${TOPIC}/hook/webhook`;
  const settings = { concurrency: 2, timeout_ms: 5_000, max_deliver: 3 };
  await story.asks(`GET ${webhook}`);
  await story.asks(`PUT ${webhook}`, { url: 'https://hooks.invalid/in?a=b', ...settings });
  await story.asks(`PUT ${webhook}`, { url: 'https://hooks.invalid/', secret: 'new', ...settings });
  await story.asks(`PUT ${webhook}`, { url: 'http://127.0.0.1/' });
  await story.asks(`GET ${webhook}`);
  await story.asks(`DELETE ${webhook}`);
  await story.asks(`DELETE ${webhook}`);
  await story.asks('PUT /api/subscriptions/answers.none/s/webhook', { url: 'http://a.invalid' });
  await story.asks(`DELETE ${SUBSCRIPTION}`);
  await story.asks(`DELETE ${SUBSCRIPTION}`);
  await story.asks(`DELETE /api/topics/${TOPIC}`);
  await story.asks(`DELETE /api/topics/${TOPIC}`);
}

async function tell(node: TestNode): Promise<Story> {
  const story = new Story(node);
  await tellTopics(story);
  await tellDeferred(story);
  const ids = await tellMessages(story);
  await tellSubscriptions(story, node, ids);
  await tellChanges(story);
  await tellDeadLetters(story, node);
  await tellSystem(story);
  await tellEnds(story);
  return story;
}

const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const MODES = { memory: {}, durable: { DATABASE_URL: postgres.url } };
const told: string[] = [];
const surprises: string[] = [];
const served = new Set<string>();
for (const [mode, env] of Object.entries(MODES)) {
  const node = await startNode({ ...env, NODE_ID: 'answers', WORKERS: '2' });
  t.teardown(() => node.kill9());
  const story = await tell(node);
  told.push(...story.answers.map((answer) => `${mode}: ${answer}`));
  surprises.push(...story.surprises);
  for (const route of story.served) served.add(route);
}

if (process.env['GOLDEN'] === 'write') writeFileSync(VECTORS, `${told.join('\n')}\n`);
const known = readFileSync(VECTORS, 'utf8').trimEnd().split('\n');

t.test('every answer is as clients know it', (t) => {
  t.equal(told.length, known.length);
  told.forEach((answer, n) => {
    t.equal(answer, known[n]);
  });
  t.end();
});

t.test('every answer has the shape, or is one of the errors, that its route says', async (t) => {
  t.same(surprises, []);
  // A stream of events has no end, a WebSocket is no answer, a file is no JSON, and nodes ask themselves.
  const others = [
    'GET /api/topics/:name/events',
    'GET /api/stream',
    'GET /ws',
    'GET /assets/:file',
  ].concat(
    ...['POST /internal/forward', 'POST /api/nodes/:id/drain'],
    // cluster/topics-move.test.ts.
    'POST /api/topics/:name/move',
    // api-documents.test.ts asks for them.
    ...['GET /api/openapi.json', 'GET /api/asyncapi.json', 'GET /api/docs'],
  );
  // Where keys are asked for: keys.test.ts, tokens.test.ts, logins.test.ts, audit.test.ts.
  const keyed = /^\w+ \/api\/(audit|keys|tenants|tokens|session)\b/;
  const unserved = ROUTES.map(({ method, path }) => `${method} ${path}`).filter(
    (route) => !served.has(route) && !others.includes(route) && !keyed.test(route),
  );
  t.same(unserved, [], 'there is an answer of each');
});
