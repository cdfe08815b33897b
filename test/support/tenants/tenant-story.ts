/**
 * A story that a tenant tells a node: each route and each frame, on topics, subscriptions and keys whose
 * names are the same for whoever tells it. What it is answered is kept twice: as it came, and without what
 * differs from one telling to the next.
 */
import { eventually } from '../../../native-bench/rig/eventually.js';
import { EventStream } from '../clients/event-stream.js';
import { request } from '../clients/publisher.js';
import { type Frame, Subscriber } from '../clients/subscriber.js';
import { ROUTES, routeOf, type SeenAnswer } from '../documents/described-routes.js';
import { framesOf } from '../documents/protocol-document.js';
import { BODIES, nameOf, targetOf } from '../documents/route-requests.js';
import type { KeyedNode } from '../nodes/keyed-node.js';

export const ONE = 'twin.one';
export const TWO = 'twin.two';
export const OF_SESSION = 'twin.session';
export const SUBSCRIPTION = `/api/subscriptions/${ONE}/s`;
const LETTERS = '/api/dead-letters';
const HOUR_MS = 3_600_000;
const WAIT_MS = 600_000;
const STATUS_CHARS = '200 '.length;

const ISO_TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const SESSION_ID = /\b[0-9a-f]{12}-\d+-\d+-\d+\b/g;
const TEXTS = /"(epoch|session|node|version|key|token|secret)":"(?:[^"\\]|\\.)*"/g;
const KEY_ID = /"[0-9a-z]{16}"/g;
/** What the audit log calls a key and the one that took its place, and what has a number. */
const TWO_KEY_IDS = /"[0-9a-z]{16}\/[0-9a-z]{16}"/g;
const NUMBERED = /"object":"\d+"/g;
/** Ids that are given over all tenants (docs/security.md says which), ages and rates. */
const NUMBERS =
  /"(id|deferred_id|oldest_unacked_ms|heads_ms|\w*looked_ms|oldest_due_ms|stuck_ms|renewed_ms|upkeep_ms|uptime_seconds|messages_per_sec)":(?:[\d.]+|null)/g;
const LAST_USED = /"last_used_at":(?:null|"<time>")/g;
/** Of lists in the order of ids. */
const NEXT_ID = /"next":\d+/g;

function masked(text: string, request: string): string {
  const known = text
    .replace(ISO_TIME, '<time>')
    .replace(UUID, '<uuid>')
    .replace(SESSION_ID, '<session>')
    .replace(TEXTS, '"$1":"<text>"')
    .replace(KEY_ID, '"<key id>"')
    .replace(TWO_KEY_IDS, '"<key ids>"')
    .replace(NUMBERED, '"object":"<number>"')
    .replace(NUMBERS, '"$1":<number>')
    .replace(LAST_USED, '"last_used_at":<time>');
  return /dead-letters|deferred|keys/.test(request)
    ? known.replace(NEXT_ID, '"next":<number>')
    : known;
}

export class TenantStory {
  /** Request or frame, and what came of it. */
  readonly lines: string[] = [];
  /** All that it was told, as it was told. */
  readonly heard: string[] = [];
  /** `METHOD /path` of the table. */
  readonly routes = new Set<string>();
  /** Types of client frames. */
  readonly frames = new Set<string>();
  /** Each answer, as the description of the API is held to it. */
  readonly answers: (SeenAnswer & { method: string; target: string })[] = [];
  /** All that it opened. */
  readonly sessions: Subscriber[] = [];
  readonly node: KeyedNode;
  readonly key: string;
  /** In its payloads, keys, headers and reasons. */
  readonly word: string;

  constructor(node: KeyedNode, key: string, word: string) {
    this.node = node;
    this.key = key;
    this.word = word;
  }

  async asks(line: string, body?: unknown, accept = 'application/json'): Promise<string> {
    const text = await this.ask(line, body, accept);
    const named = line.replace(UUID, '<uuid>').replace(SESSION_ID, '<session>');
    const step = named.replace(/\/(\d+|[0-9a-z]{16})(?=$|\/)/, '/<id>');
    this.lines.push(masked(`${step}  ${text}`, line));
    return text;
  }

  /** The same, once the answer fits. */
  async sees(line: string, fits: (text: string) => boolean): Promise<string> {
    await eventually(async () => fits(await this.ask(line)));
    return this.asks(line);
  }

  /** A list whose order differs from one telling to the next. */
  async lists(line: string, member: string): Promise<void> {
    const text = await this.ask(line);
    const items = (JSON.parse(text.slice(STATUS_CHARS)) as Record<string, object[]>)[member] ?? [];
    const shown = items.map((item) => masked(JSON.stringify(item), line)).sort();
    this.lines.push(`${line}  ${shown.join(' ')}`);
  }

  /** Status and body. */
  async ask(line: string, body?: unknown, accept = 'application/json'): Promise<string> {
    const [method = '', target = ''] = line.split(' ');
    const route = routeOf(method, target.split('?')[0] ?? '');
    if (route !== undefined) this.routes.add(`${route.method} ${route.path}`);
    const isEvent = method === 'POST' && target.endsWith('/events');
    const sent = isEvent ? 'application/cloudevents+json' : 'application/json';
    const json = body === undefined ? {} : { 'content-type': sent };
    const answer = await request(`${this.node.url}${target}`, {
      ...{ method, headers: { accept, 'x-api-key': this.key, ...json } },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const { text: lines } = answer.body;
    const shown = typeof lines === 'string' ? lines : JSON.stringify(answer.body);
    const type = String(answer.headers['content-type'] ?? '');
    const whole = answer.status === 204 ? '' : shown;
    this.answers.push({ method, target, status: answer.status, type, text: whole });
    const text = `${answer.status} ${shown}`;
    this.heard.push(text, JSON.stringify(answer.headers));
    return text;
  }

  async open(): Promise<Subscriber> {
    const session = await Subscriber.open(this.node.wsUrl, 'json', this.key);
    this.sessions.push(session);
    return session;
  }

  /** Sends a frame, and keeps its answer. */
  async sends(session: Subscriber, frame: Record<string, unknown>): Promise<Frame> {
    this.frames.add(String(frame['type']));
    const ref = `r${this.heard.length}`;
    session.send({ ...frame, ref });
    const answer = await session.waitFor((one) => one['ref'] === ref);
    this.keep(String(frame['type']), { ...answer, ref: 'r' });
    return answer;
  }

  /** All messages that came, in their order. */
  async given(session: Subscriber, count: number): Promise<void> {
    await eventually(() => session.messages.length >= count);
    for (const message of session.messages) this.keep('message', message);
  }

  keep(what: string, told: unknown): void {
    const text = JSON.stringify(told);
    this.heard.push(text);
    this.lines.push(`${what}  ${masked(text, what)}`);
  }
}

/** The number or text of a member, in an answer. */
export function memberOf(answer: string, name: string): string {
  const found = new RegExp(`"${name}":"?([^",}]+)`).exec(answer)?.[1];
  if (found === undefined) throw new Error(`no ${name} in ${answer}`);
  return found;
}

async function tellTopics(story: TenantStory): Promise<void> {
  const retention = { hours: 5, messages: 1_000 };
  await story.asks('POST /api/topics', { name: ONE, retention });
  await story.asks('POST /api/topics', { name: ONE });
  for (const name of [TWO, OF_SESSION]) await story.asks('POST /api/topics', { name });
  await story.asks('GET /api/topics');
  await story.asks('GET /api/topics?prefix=twin.&limit=2');
  await story.asks(`GET /api/topics/${ONE}`);
  await story.asks(`PATCH /api/topics/${ONE}`, { retention: { hours: 7 } });
  await story.asks(`GET /api/topics/${ONE}/position`);
  await story.asks(`GET /api/topics/${ONE}/messages`);
}

async function tellDeferred(story: TenantStory): Promise<void> {
  const later = { topic: ONE, payload: story.word, delay_ms: HOUR_MS, dedupe_key: 'later' };
  await story.asks('GET /api/deferred');
  const first = await story.asks('POST /api/publish', later);
  await story.asks('POST /api/publish', later);
  await story.asks('POST /api/publish', { ...later, payload: 'another' });
  await story.asks('POST /api/publish', { ...later, topic: TWO });
  await story.asks('GET /api/deferred');
  await story.asks(`GET /api/deferred?topic=${ONE}&limit=1`);
  const id = memberOf(first, 'deferred_id');
  await story.asks(`DELETE /api/deferred/${id}`);
  await story.asks(`DELETE /api/deferred/${id}`);
}

/** Ids of six messages. */
async function tellMessages(story: TenantStory): Promise<string[]> {
  const { word } = story;
  const more = { key: `k ${word}`, headers: { a: word }, dedupe_key: 'same' };
  const one = { topic: ONE, payload: { n: 1, word }, ...more };
  const first = await story.asks('POST /api/publish', one);
  await story.asks('POST /api/publish', one);
  await story.asks('POST /api/publish', { ...one, payload: 'another' });
  const messages = [2, 3, 4, 5, 6].map((n) => ({ topic: ONE, payload: [n, word] }));
  const batch = await story.asks('POST /api/publish/batch', { messages });
  await story.asks(`GET /api/topics/${ONE}/messages?limit=2`);
  await story.asks(`GET /api/topics/${ONE}/messages?order=desc&from_sequence=5&limit=4`);
  await story.asks(`GET /api/topics/${ONE}/position`);
  await story.asks(`GET /api/topics/${ONE}`);
  return [memberOf(first, 'message_id'), ...(batch.match(UUID) ?? [])];
}

/** One is acknowledged, one fails, one is given up, two are in flight, one is still to come. */
async function tellSubscriptions(story: TenantStory, ids: readonly string[]): Promise<void> {
  const { word } = story;
  await story.asks('GET /api/subscriptions');
  const session = await story.open();
  const options = { max_in_flight: 3, ack_wait_ms: WAIT_MS, start: { from: 'earliest' } };
  await story.sends(session, { type: 'subscribe', topic: ONE, subscription: 's', ...options });
  const verdicts = [
    { type: 'ack' },
    { type: 'nack', delay_ms: WAIT_MS, reason: `not yet, ${word}` },
    { type: 'reject', reason: `bad, ${word}` },
    { type: 'extend', ms: WAIT_MS },
  ];
  for (const [n, verdict] of verdicts.entries()) {
    const sequence = n + 1;
    await eventually(() => session.messages.some((message) => message['sequence'] === sequence));
    await story.sends(session, { ...verdict, topic: ONE, sequence });
  }
  await story.sends(session, { type: 'ack', topic: ONE, sequence: 999 });
  await story.sends(session, { type: 'heartbeat' });
  await story.sends(session, { type: 'refresh', token: 'none' });
  await story.given(session, 5);
  await story.asks('GET /api/subscriptions');
  await story.asks(`GET ${SUBSCRIPTION}`);
  for (const id of ids) await story.asks(`GET /api/messages/${id}`);
  await story.asks(`GET /api/topics/${ONE}`);
  session.send({ type: 'hello', client: story.word, version: '1' });
  await story.sees('GET /api/sessions', (text) => text.includes(`"client":"${story.word}"`));
  await story.sends(session, { type: 'publish', topic: TWO, payload: word });
  // What a session still has when it goes counts as delivered or not, by how far its worker has been told.
  for (const sequence of [4, 5, 6]) {
    await eventually(() => session.messages.some((message) => message['sequence'] === sequence));
    await story.sends(session, { type: 'ack', topic: ONE, sequence });
  }
  await story.sends(session, { type: 'unsubscribe', topic: ONE, subscription: 's' });
  session.close();
  await eventually(() => session.closed !== null);
  await story.sees(`GET ${SUBSCRIPTION}`, (text) => text.includes('"sessions":0'));
  await story.asks(`PATCH ${SUBSCRIPTION}`, { ack_wait_ms: 900, max_deliver: 3 });
  await story.asks(`POST ${SUBSCRIPTION}/pause`);
  await story.asks(`POST ${SUBSCRIPTION}/resume`);
  await story.asks(`POST ${SUBSCRIPTION}/seek`, { sequence: 2 });
  await story.asks(`POST ${SUBSCRIPTION}/seek`, { from: 'latest' });
}

/** Of the event that each tenant has. */
const EVENT = { id: '1', source: '/twins', type: 'told', specversion: '1.0' };

async function tellStream(story: TenantStory): Promise<void> {
  await story.asks(`POST /api/topics/${TWO}/events`, { ...EVENT, data: story.word });
  const route = `/api/topics/${ONE}/events`;
  const stream = await EventStream.open(`${story.node.url}${route}?from=earliest`, '', story.key);
  story.routes.add('GET /api/topics/:name/events');
  await eventually(() => stream.of('message').length >= 6);
  for (const { data } of stream.of('message')) story.keep(route, data);
  stream.close();
  await tellWatch(story);
}

/** What a page that looks at the node is told. */
async function tellWatch(story: TenantStory): Promise<void> {
  const stream = await EventStream.open(`${story.node.url}/api/stream`, '', story.key);
  story.routes.add('GET /api/stream');
  await eventually(() => stream.of('figures').length >= 2);
  // When what came and how much of it is the clock's doing; that nothing of another's is in it is not.
  for (const { event, data } of stream.events) story.heard.push(JSON.stringify({ event, data }));
  story.keep('history', Object.keys(stream.of('history')[0]?.data ?? {}));
  story.keep('figures', Object.keys((stream.of('figures')[0]?.data['stats'] ?? {}) as object));
  stream.close();
}

async function tellDeadLetters(story: TenantStory): Promise<void> {
  const session = await story.open();
  await story.sends(session, { type: 'subscribe', topic: OF_SESSION, ack_wait_ms: WAIT_MS });
  const published = await story.asks('POST /api/publish', {
    ...{ topic: OF_SESSION, payload: [story.word] },
  });
  await eventually(() => session.messages.length === 1);
  const reason = `given up, ${story.word}`;
  await story.sends(session, { type: 'reject', topic: OF_SESSION, sequence: 1, reason });
  await story.sees(`GET ${LETTERS}?topic=${OF_SESSION}`, (text) => text.includes('"id"'));
  await story.asks(`GET ${LETTERS}?topic=${ONE}&subscription=s`);
  await story.asks(`GET ${LETTERS}`);
  await story.asks(`GET ${LETTERS}`, undefined, 'application/x-ndjson');
  await story.asks(`GET /api/messages/${memberOf(published, 'message_id')}`);
  const one = memberOf(await story.ask(`GET ${LETTERS}?topic=${ONE}`), 'id');
  await story.asks(`GET ${LETTERS}/${one}`);
  const job = await story.asks(`POST ${LETTERS}/redrive`, { ids: [Number(one)] });
  const jobId = memberOf(job, 'job_id');
  await story.sees(`GET /api/jobs/${jobId}`, (text) => !text.includes('"running"'));
  await story.asks(`DELETE /api/jobs/${jobId}`);
  await story.asks(`POST ${LETTERS}/purge`, { topic: OF_SESSION });
  await story.asks(`DELETE ${LETTERS}/${one}`);
  await story.asks(`GET ${LETTERS}`);
  const id = (await story.ask('GET /api/sessions')).match(SESSION_ID)?.[0];
  await story.asks(`DELETE /api/sessions/${id}`);
  await eventually(() => session.closed !== null);
  await story.asks(`DELETE /api/sessions/${id}`);
}

async function tellSystem(story: TenantStory): Promise<void> {
  const isIdle = (text: string): boolean => text.includes('"active_subscribers":0,');
  await story.sees('GET /api/stats', isIdle);
  await story.sees('GET /api/health', (text) => text.includes('"status":"ok"'));
  for (const target of ['/livez', '/readyz', '/', '/ws', '/metrics']) {
    await story.asks(`GET ${target}`);
  }
}

async function tellKeys(story: TenantStory): Promise<void> {
  const made = await story.asks('POST /api/keys', { scopes: ['publish'], topics: ['twin.*'] });
  await story.lists('GET /api/keys', 'keys');
  const id = memberOf(made, 'id');
  const rotated = await story.asks(`POST /api/keys/${id}/rotate`, {});
  await story.asks(`DELETE /api/keys/${id}`);
  await story.asks(`DELETE /api/keys/${memberOf(rotated, 'id')}`);
  await story.lists('GET /api/keys', 'keys');
  await story.asks('POST /api/tokens', { topics: ['twin.*'] });
  await story.asks('POST /api/session');
  await story.asks('DELETE /api/session');
  await story.asks('GET /api/tenants');
  await story.asks('POST /api/tenants', { name: 'another' });
  await story.asks('PATCH /api/tenants/another', { quotas: {} });
  await story.asks('DELETE /api/tenants/another');
}

/** Acceptors tell what was done by themselves, so in any order, and a moment later. */
async function tellAudit(story: TenantStory): Promise<void> {
  const line = 'GET /api/audit';
  await story.asks('DELETE /api/tenants/last');
  await eventually(async () => (await story.ask(line)).includes('"object":"last"'));
  await story.lists(line, 'entries');
}

/** What is told nowhere else, as it stands in the table and in the union. */
async function tellRest(story: TenantStory): Promise<void> {
  for (const { method, path } of ROUTES) {
    const route = nameOf({ method, path });
    if (!story.routes.has(route)) await story.asks(`${method} ${targetOf(path)}`, BODIES[route]);
  }
  const session = await story.open();
  for (const type of framesOf('client').keys()) {
    if (!story.frames.has(type)) await story.sends(session, { type });
  }
  session.close();
}

async function tellEnds(story: TenantStory): Promise<void> {
  // What was given back of the dead letters may have come by now, or not.
  await story.ask(`POST ${SUBSCRIPTION}/pull`, {});
  for (const what of ['ack', 'nack', 'extend', 'reject']) {
    await story.asks(`POST ${SUBSCRIPTION}/${what}`, { tokens: ['1.1.e'] });
  }
  const webhook = `/api/subscriptions/${ONE}/hook/webhook`;
  await story.asks(`GET ${webhook}`);
  await story.asks(`PUT ${webhook}`, { url: `https://hooks.invalid/${story.word.length}` });
  await story.asks(`GET ${webhook}`);
  await story.asks(`DELETE ${webhook}`);
  await story.asks(`DELETE ${webhook}`);
  await story.asks(`DELETE ${SUBSCRIPTION}`);
  await story.asks(`DELETE ${SUBSCRIPTION}`);
  for (const name of [ONE, TWO, OF_SESSION]) await story.asks(`DELETE /api/topics/${name}`);
  await story.asks(`DELETE /api/topics/${ONE}`);
  await story.asks('GET /api/topics');
  await story.asks('GET /api/subscriptions');
}

/** From the first topic to the last one deleted; `before`: what is done while all of it is there. */
export async function tellAll(
  story: TenantStory,
  before: () => Promise<void> = async () => undefined,
): Promise<void> {
  await tellTopics(story);
  await tellDeferred(story);
  const ids = await tellMessages(story);
  await tellSubscriptions(story, ids);
  await tellStream(story);
  await tellDeadLetters(story);
  await tellSystem(story);
  await tellKeys(story);
  await tellAudit(story);
  await tellRest(story);
  await before();
  await tellEnds(story);
}

/** What of a story is there to be found by others. */
export interface Left {
  tenant: string;
  topic: string;
  subscription: string;
  messageId: string;
  deferredId: string;
  letterId: string;
  jobId: string;
  keyId: string;
  /** Of one that is open. */
  sessionId: string;
}

/** Topics of the same names, and one of its own, with one of everything in it, and more. */
export async function leave(story: TenantStory, tenant: string): Promise<Omit<Left, 'sessionId'>> {
  const { word } = story;
  const topic = 'theirs.only';
  for (const name of [ONE, TWO, OF_SESSION, topic]) await story.ask('POST /api/topics', { name });
  const session = await story.open();
  const options = { max_in_flight: 2, ack_wait_ms: WAIT_MS, start: { from: 'earliest' } };
  const subscribe = { type: 'subscribe', topic, subscription: 'theirs', ...options };
  await story.sends(session, subscribe);
  await story.sends(session, { ...subscribe, topic: ONE, subscription: 's' });
  let messageId = '';
  for (const name of [topic, topic, topic, ONE, ONE, TWO]) {
    const headers = { a: word };
    const message = { topic: name, payload: { word }, key: word, headers };
    const published = await story.ask('POST /api/publish', message);
    messageId ||= memberOf(published, 'message_id');
  }
  const same = { topic: ONE, payload: { word }, dedupe_key: 'same' };
  await story.ask('POST /api/publish', same);
  const waiting = { payload: { word }, delay_ms: HOUR_MS, dedupe_key: 'later' };
  const deferred = await story.ask('POST /api/publish', { ...waiting, topic });
  await story.ask('POST /api/publish', { ...waiting, topic: ONE });
  for (const sequence of [1, 2]) {
    const isThere = (frame: Frame): boolean =>
      frame['topic'] === topic && frame['sequence'] === sequence;
    await eventually(() => session.messages.some(isThere));
    await story.sends(session, { type: 'reject', topic, sequence, reason: word });
  }
  session.close();
  await eventually(() => session.closed !== null);
  const letters = `GET ${LETTERS}?topic=${topic}`;
  await eventually(async () => (await story.ask(letters)).split('"attempts"').length === 3);
  const redriven = { topic, subscription: 'theirs', limit: 1, rate_per_s: 1 };
  const job = await story.ask(`POST ${LETTERS}/redrive`, redriven);
  await eventually(async () => (await story.ask(letters)).split('"attempts"').length === 2);
  const key = await story.ask('POST /api/keys', { scopes: ['publish'] });
  for (const name of [topic, ONE]) {
    const url = `https://hooks.invalid/${encodeURIComponent(word)}`;
    await story.ask(`PUT /api/subscriptions/${name}/hook/webhook`, { url });
  }
  return {
    ...{ tenant, topic, subscription: 'theirs', messageId },
    letterId: memberOf(await story.ask(letters), 'id'),
    deferredId: memberOf(deferred, 'deferred_id'),
    jobId: memberOf(job, 'job_id'),
    keyId: memberOf(key, 'id'),
  };
}
