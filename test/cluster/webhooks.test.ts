// Goal: one node of a cluster sends for a webhook, the one that the ring says, whichever node was asked;
// when it dies or stands still another one goes on within seconds, and nothing that was acknowledged is
// lost.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import type { TestNode } from '../../native-bench/rig/node.js';
import { HashRing } from '../../src/core/hash-ring.js';
import { request } from '../support/clients/publisher.js';
import { ask, postJson, publish, startPair } from '../support/nodes/node-pair.js';
import { startWebhookServer } from '../support/servers/webhook-server.js';

t.setTimeout(600_000);
/** A lease of two seconds, a look, a subscribe. */
const TAKEN_OVER_MS = 15_000;
const pair = await startPair(t, { WEBHOOK_ALLOW: '127.0.0.1' });

const put = (node: TestNode, topic: string, body: object) =>
  request(`${node.url}/api/subscriptions/${topic}/hook/webhook`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

/** A topic whose webhook that node sends for. */
function topicOf(node: string): string {
  const ring = new HashRing(['a', 'b']);
  for (let n = 0; ; n++) {
    if (ring.memberOf(`webhook default hooks.${n} hook`) === node) return `hooks.${n}`;
  }
}

const sentBy = async (node: TestNode): Promise<number> => {
  const { body } = await ask(node, '/metrics');
  const taken = /conduit_webhook_requests_total\{result="taken"\} (\d+)/.exec(String(body['text']));
  return Number(taken?.[1] ?? -1);
};

t.test('the node of the ring sends, also what another node coordinates or changed', async (t) => {
  const server = await startWebhookServer(t);
  for (const owner of ['a', 'b'] as const) {
    const topic = topicOf(owner);
    const other = owner === 'a' ? pair.b : pair.a;
    await postJson(other, '/api/topics', { name: topic });
    t.equal((await put(other, topic, { url: server.url, concurrency: 1 })).status, 200);
    const before = server.requests.length;
    for (let n = 0; n < 20; n++)
      await publish(n % 2 === 0 ? pair.a : pair.b, { topic, payload: n });
    await eventually(() => server.requests.length === before + 20);
    const sequences = server.requests.slice(before).map(({ sequence }) => sequence);
    t.same(
      sequences,
      Array.from({ length: 20 }, (_, n) => n + 1),
    );
    await eventually(async () => (await sentBy(pair[owner])) === 20);
    const moved = await startWebhookServer(t);
    t.equal((await put(other, topic, { url: moved.url, concurrency: 1 })).status, 200);
    await publish(other, { topic, payload: 'moved' });
    await eventually(() => moved.requests.length === 1);
    t.equal(server.requests.length, before + 20, 'every node knows of the change');
  }
});

for (const how of ['stands still', 'is killed'] as const) {
  t.test(`another node goes on when the one that sends ${how}`, async (t) => {
    const server = await startWebhookServer(t);
    const topic = topicOf('b');
    const secret = { url: server.url, concurrency: 1 };
    t.equal((await put(pair.a, topic, secret)).status, 200);
    await publish(pair.a, { topic, payload: 'first' });
    await eventually(() => server.requests.length === 1);
    const from = server.requests[0]?.sequence ?? 0;
    if (how === 'is killed') await pair.b.kill9();
    else pair.b.process.kill('SIGSTOP');
    const startedMs = performance.now();
    for (let n = 1; n <= 50; n++) await publish(pair.a, { topic, payload: n });
    await eventually(() => {
      const got = new Set(server.requests.map(({ sequence }) => sequence));
      return Array.from({ length: 51 }, (_, n) => got.has(from + n)).every(Boolean);
    });
    const tookMs = performance.now() - startedMs;
    t.comment(`${how}: ${Math.round(tookMs)} ms until all was sent`);
    t.ok(tookMs < TAKEN_OVER_MS * 2, `${tookMs}`);
    pair.b.process.kill('SIGCONT');
    if (how === 'is killed') return;
    await eventually(async () => {
      const { body } = await ask(pair.b, `/api/subscriptions/${topic}/hook`);
      return body['ack_floor'] === from + 50 && body['sessions'] === 1;
    });
  });
}
