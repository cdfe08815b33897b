// Goal: whatever the control routes ask of workers and of the log is of the tenant of whoever asks, whatever
// names he gives: the table of calls says what is asked, and no path, query or body reaches another's.
import t from 'tap';
import { StaticFiles } from '../../../../src/acceptor/http/static-files.js';
import type { Control } from '../../../../src/acceptor/routes/control.js';
import type { Directory } from '../../../../src/acceptor/routes/directory.js';
import { SystemRoutes } from '../../../../src/acceptor/routes/system-routes.js';
import { routeTable } from '../../../../src/acceptor/routes/table/table.js';
import { WebhookRoutes } from '../../../../src/acceptor/routes/webhook-routes.js';
import { systemClock } from '../../../../src/core/clock.js';
import { RequestError } from '../../../../src/core/errors.js';
import { DEFAULT_LIMITS, type Limits } from '../../../../src/core/limits.js';
import { type TopicKey, tenantOf, type Within } from '../../../../src/core/topic-key.js';
import { NO_STATS } from '../../../../src/core/worker-figures.js';
import { MemoryWebhooks } from '../../../../src/tenant/memory-webhooks.js';
import { WebhookDirectory } from '../../../../src/tenant/webhook-directory.js';
import { acceptorCounts, acceptorCountsMemory } from '../../../../src/thread/acceptor-counts.js';
import { writeAnswer } from '../../../../src/thread/call-text.js';
import { CALLS, type CallName, type CallResult, callNamed } from '../../../../src/thread/calls.js';
import { nodeMemory } from '../../../../src/thread/node-memory.js';
import type { CallOp } from '../../../../src/thread/ops/call.js';
import { packReply } from '../../../../src/thread/ops/call.js';
import { packFailed } from '../../../../src/thread/ops/failed.js';
import { processLoad } from '../../../../src/thread/process-load.js';
import type { ClusterAsk } from '../../../../src/thread/session-calls.js';
import type {
  WebhookArgs,
  WebhookCall,
  WebhookResult,
} from '../../../../src/thread/webhook-calls.js';
import { request } from '../../../support/clients/publisher.js';
import { type AskedWorker, controlRig } from '../../../support/nodes/control-rig.js';
import { OTHER } from '../../../support/tenants/tenants.js';

const ID = '00000000-0000-7000-8000-000000000000';
const ONE = '/api/subscriptions/t/s';
const REFUSED = 'refused';
/** With them every call of the table is asked at least once. */
const REQUESTS: readonly (readonly [string, unknown?])[] = [
  ['GET /api/topics'],
  ['GET /api/topics?with=lag'],
  ['POST /api/topics', { name: 't' }],
  ['GET /api/topics/t'],
  ['PATCH /api/topics/t', { retention: {} }],
  ['POST /api/topics/t/move', { database: 1 }],
  ['DELETE /api/topics/t'],
  ['GET /api/topics/t/position'],
  ['GET /api/topics/t/messages'],
  ['GET /api/deferred'],
  ['GET /api/deferred?topic=t'],
  ['DELETE /api/deferred/1'],
  ['GET /api/subscriptions'],
  ['GET /api/subscriptions?topic=t'],
  [`GET ${ONE}`],
  [`PATCH ${ONE}`, { max_deliver: 2 }],
  [`POST ${ONE}/seek`, { from: 'latest' }],
  [`POST ${ONE}/pause`],
  [`POST ${ONE}/resume`],
  [`POST ${ONE}/ack`, { tokens: ['1.1.e'] }],
  [`POST ${ONE}/nack`, { tokens: ['1.1.e'] }],
  [`POST ${ONE}/extend`, { tokens: ['1.1.e'] }],
  [`POST ${ONE}/reject`, { tokens: ['1.1.e'] }],
  [`PUT ${ONE}/webhook`, { url: 'https://example.com/' }],
  [`GET ${ONE}/webhook`],
  [`DELETE ${ONE}/webhook`],
  [`DELETE ${ONE}`],
  ['GET /api/dead-letter-groups'],
  ['GET /api/dead-letter-groups?topic=t'],
  ['GET /api/dead-letters'],
  ['GET /api/dead-letters?topic=t'],
  ['GET /api/dead-letters/1'],
  ['DELETE /api/dead-letters/1'],
  ['POST /api/dead-letters/purge', { ids: [1] }],
  ['POST /api/dead-letters/redrive', { ids: [1] }],
  ['POST /api/dead-letters/redrive', { topic: 't', subscription: REFUSED }],
  ['GET /api/jobs/j'],
  ['DELETE /api/jobs/j'],
  [`GET /api/messages/${ID}`],
  ['GET /api/stats'],
  ['GET /api/nodes'],
  ['GET /api/health'],
];

const settings = { ackWaitMs: 60_000, maxDeliver: 1, ordering: 'none' } as const;
const subscription = {
  ...{ topicId: 1, topic: 't', name: 's', createdAtMs: 0, head: 1, settings, paused: false },
  ...{ ackFloor: 0, delivered: 0, inFlight: 0, parked: 0, oldestUnackedMs: null, sessions: 0 },
};
const key = OTHER.keyOf('t');
const record = {
  ...{ id: 1, key, lastSequence: 1, firstSequence: 1, bytes: 1, createdAtMs: 0 },
  ...{ lastPublishedAtMs: 0, retention: { hours: null, messages: null, bytes: null } },
};
const part = { state: 'done', done: 1, total: 1, failed: 0 } as const;
const body = new Uint8Array(Buffer.from('{}'));

const ANSWERS: { readonly [M in CallName]: CallResult<M> } = {
  'topic.create': { record, subscribers: 0, created: true },
  'topic.patch': { topic: { record, subscribers: 0 } },
  'topic.delete': { deleted: true },
  'topic.move': { state: 'moved', from: 0, to: 0 },
  'topic.subscribers': { subscribers: 0 },
  'topics.counts': { counts: [0] },
  'topic.get': { record },
  'topic.position': { position: { epoch: 'e', lastSequence: 1, firstSequence: 1 } },
  'topic.messages': { body },
  'topics.list': { records: [record] },
  'topics.arrears': { arrears: [] },
  'deferred.cancel': { outcome: 'cancelled' },
  'deferred.list': { records: [] },
  'subscription.flush': {},
  'subscription.flush-all': {},
  'subscription.live': { standings: [null] },
  'subscription.patch': { subscription },
  'subscription.delete': { deleted: true },
  'subscription.seek': { subscription },
  'subscription.pause': { subscription },
  'subscription.resume': { subscription },
  'subscription.settle': { unknown: [0] },
  'subscription.held': { held: 0 },
  'subscription.get': { subscription },
  'subscription.list': { subscriptions: [subscription] },
  'dead-letters.match': { matched: 1, gone: 0 },
  'dead-letters.redrive': { matched: 1, gone: 0 },
  'dead-letters.list': { ids: [1], ends: [body.length], more: false, body },
  'dead-letters.groups': { groups: [] },
  'dead-letters.purge': { purged: 1, more: false },
  'job.get': { part },
  'job.cancel': { part },
  'job.give-up': {},
  'message.find': { found: { key, topicId: 1, sequence: 1 } },
  'message.live': { open: {} },
  'message.trace': { body },
  'sessions.fills': { fills: [null] },
  stats: NO_STATS,
  health: { log: { mode: 'memory', state: 'open' }, headsMs: null, vitals: null, backplane: null },
  'nodes.list': { records: [] },
  'nodes.drain': { found: true },
  'log.totals': {
    topics: 1,
    messages: 1,
    bytes: 1,
    deferred: 0,
    deadLetters: 0,
    deadLettersEvicted: 0,
  },
};
/**
 * Their answers tell nothing of anybody: what is asked for was found for the tenant before. Nodes are shown
 * to the operator alone.
 */
const OF_NOBODY: readonly CallName[] = [
  'subscription.flush-all',
  'subscription.live',
  'health',
  'nodes.list',
  'nodes.drain',
];
/** An acceptor asks of itself, about its own sessions (sessions-api.test.ts); a node has no tenant. */
const OF_NO_ROUTE: readonly CallName[] = ['sessions.fills', 'subscription.held', 'nodes.drain'];

interface Whose {
  tenant?: Within;
  within?: Within;
  key?: TopicKey;
  keys?: TopicKey[];
}

function tenantsOf({ args }: CallOp): string[] {
  const { tenant, within, key: one, keys = [] } = JSON.parse(args) as Whose;
  return [tenant, within, one, ...keys].flatMap((name) => (name ? [tenantOf(name)] : []));
}

function answer({ link }: AskedWorker, { request: number, method, args }: CallOp): void {
  if (method === 'dead-letters.redrive' && args.includes(REFUSED)) {
    const failed = { code: 'busy', detail: '', field: null } as const;
    packFailed(link.writer, { request: number, session: 0, ...failed });
  } else {
    packReply(link.writer, { request: number, ...writeAnswer(ANSWERS[callNamed(method)]) });
  }
  link.scheduleFlush();
}

const webhooks = new WebhookDirectory(
  new MemoryWebhooks({ clock: systemClock, limits: DEFAULT_LIMITS, onChanged: () => undefined }),
  () => undefined,
);

async function askWebhooks<M extends WebhookCall>(
  tenant: string,
  method: M,
  args: WebhookArgs<M>,
): Promise<WebhookResult<M>> {
  t.match(args, { [method === 'webhooks.topic-gone' ? 'topic' : 'place']: { tenant } });
  t.equal(tenant, OTHER.tenant);
  const packed = await webhooks.answer({ method, args });
  if (packed instanceof ArrayBuffer) return JSON.parse(Buffer.from(packed).toString('utf8'));
  throw new RequestError('webhook_not_found', packed.detail);
}

const MEMORY = nodeMemory({ acceptors: 1, workers: 1 });

function tableOf(parts: { limits: Limits; control: Control; directory: Directory }) {
  const unasked = (): never => t.fail('this is no control route') as never;
  const ask = async (asked: ClusterAsk): Promise<never> => {
    if (asked.what === 'elsewhere') t.equal(asked.tenant, OTHER.tenant);
    return null as never;
  };
  const node = { id: 'n', bootId: ID, addr: 'h:1', forwardUrl: null, version: '0' };
  const system = new SystemRoutes({
    ...{ control: parts.control, node, drainItself: unasked },
    ...{ counts: acceptorCounts(acceptorCountsMemory(1), 0), startedAtMs: 0, lease: null },
    roster: { ask },
    ...{ durables: 'last asked' as const, load: () => processLoad(MEMORY) },
    ...{ figures: () => ({ sessions: 0, topics: [], backplane: 'none' }), clock: systemClock },
    metrics: { text: unasked },
  });
  return routeTable({
    ...{ ...parts, nodeId: 'n', system },
    mint: null,
    publishes: { publish: unasked, batch: unasked, events: unasked },
    streams: { open: unasked },
    pulls: { pull: unasked },
    logins: { checkTry: unasked, begin: unasked, end: unasked },
    version: '0',
    sessions: { list: unasked, close: unasked },
    files: new StaticFiles('/nowhere'),
    watches: { open: unasked },
    forwards: { take: unasked },
    webhooks: new WebhookRoutes(parts.control, { ask: askWebhooks }),
    mayCall: () => true,
  });
}

t.test('every call is of the tenant of whoever asks', async (t) => {
  const asked: CallOp[] = [];
  const onCall = (worker: AskedWorker, call: CallOp): void => {
    asked.push(call);
    answer(worker, call);
  };
  const { url, close } = await controlRig(tableOf, onCall, OTHER);
  t.teardown(close);
  for (const [line, sent] of REQUESTS) {
    const [method = '', target = ''] = line.split(' ');
    const more = sent === undefined ? {} : { body: JSON.stringify(sent) };
    const headers = sent === undefined ? {} : { 'content-type': 'application/json' };
    const { status } = await request(`${url}${target}`, { method, headers, ...more });
    const isRefused = JSON.stringify(sent ?? null).includes(REFUSED);
    t.ok(isRefused ? status === 503 : status < 300, `${line} ${status}`);
  }
  const ofRoutes = (Object.keys(CALLS) as CallName[]).filter((one) => !OF_NO_ROUTE.includes(one));
  t.same([...new Set(asked.map(({ method }) => method))].sort(), ofRoutes.sort());
  for (const call of asked) {
    const name = callNamed(call.method);
    const whose = [...new Set(tenantsOf(call))];
    t.same(whose, OF_NOBODY.includes(name) ? [] : [OTHER.tenant], `${name} ${call.args}`);
  }
});
