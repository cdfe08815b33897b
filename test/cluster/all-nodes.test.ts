// Goal: what is counted and listed is of all nodes that live, whichever is asked: subscriptions, what nodes
// do, who is connected; a node that does not answer is named, and holds up nobody for long.
import http from 'node:http';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import type { TestNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { ask, publish, SECRET, startReachable } from '../support/nodes/node-pair.js';

const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const env = { DATABASE_URL: postgres.url, INTERNAL_SECRET: SECRET };
const a = await startReachable({ ...env, NODE_ID: 'a', WORKERS: '1' });
t.teardown(() => a.kill9());
const b = await startReachable({ ...env, NODE_ID: 'b', WORKERS: '3', ACCEPTORS: '2' });
t.teardown(() => {
  b.process.kill('SIGCONT');
  return b.kill9();
});

interface Counts {
  subscribers: number;
}

async function subscribersOf(node: TestNode, topic: string): Promise<number> {
  const { body } = await publish(node, { topic, payload: 1 });
  return (body as unknown as Counts).subscribers;
}

t.test('who subscribes is counted at all nodes, wherever it is asked', async (t) => {
  const before = (await ask(a, '/api/stats')).body;
  const open = [a, a, b].map((node) => Subscriber.open(node.wsUrl, 'json'));
  const all = await Promise.all(open);
  for (const one of all) await one.subscribe('counted', { ack: 'none' });
  for (const node of [a, b]) {
    await eventually(async () => (await subscribersOf(node, 'counted')) === 3);
    await eventually(async () => {
      const topics = (await ask(node, '/api/topics?prefix=counted')).body['topics'];
      const [topic] = topics as { subscriber_count: number }[];
      return topic?.subscriber_count === 3;
    });
    const one = (await ask(node, '/api/topics/counted')).body;
    t.match(one, { subscriber_count: 3 });
    await eventually(async () => {
      const stats = (await ask(node, '/api/stats')).body;
      const more = Number(stats['active_subscribers']) - Number(before['active_subscribers']);
      const sessions = Number(stats['sessions']) - Number(before['sessions']);
      return stats['nodes'] === 2 && more === 3 && sessions === 3;
    });
  }
  all[2]?.close();
  for (const node of [a, b]) {
    await eventually(async () => (await subscribersOf(node, 'counted')) === 2);
  }
  for (const one of all) one.close();
  for (const node of [a, b]) {
    await eventually(async () => (await subscribersOf(node, 'counted')) === 0);
  }
});

t.test(
  'who is connected is listed over all nodes, page by page, and closed at whichever',
  async (t) => {
    const all = await Promise.all([a, b, a, b].map((node) => Subscriber.open(node.wsUrl, 'json')));
    for (const one of all) await one.subscribe('listed', { ack: 'none' });
    for (const node of [a, b]) {
      const seen: Record<string, unknown>[] = [];
      let after = '';
      for (;;) {
        const { body } = await ask(node, `/api/sessions?topic=listed&limit=1${after}`);
        seen.push(...(body['sessions'] as Record<string, unknown>[]));
        t.notOk('unanswered' in body);
        if (body['next'] === undefined) break;
        after = `&after=${String(body['next'])}`;
      }
      t.same(seen.map((one) => one['node']).sort(), ['a', 'a', 'b', 'b']);
      t.equal(new Set(seen.map((one) => one['id'])).size, 4);
    }
    const { body } = await ask(a, '/api/sessions?topic=listed');
    const onB = (body['sessions'] as { id: string; node: string }[]).find(
      ({ node }) => node === 'b',
    );
    const close = { method: 'DELETE', agent: new http.Agent() };
    const closed = await request(`${a.url}/api/sessions/${onB?.id}`, close);
    t.equal(closed.status, 204);
    await eventually(async () => {
      const page = (await ask(a, '/api/sessions?topic=listed')).body;
      return (page['sessions'] as unknown[]).length === 3;
    });
    t.equal((await request(`${a.url}/api/sessions/${onB?.id}`, close)).status, 404);
    b.process.kill('SIGSTOP');
    const page = (await ask(a, '/api/sessions?topic=listed')).body;
    t.match(page, { unanswered: [{ node: 'b', detail: /no answer for \d+ ms/ }] });
    t.equal((page['sessions'] as unknown[]).length, 2);
    const other = await request(`${a.url}/api/sessions/${onB?.id}`, close);
    // It may be lost by now.
    t.ok([404, 503].includes(other.status), String(other.status));
    b.process.kill('SIGCONT');
    await eventually(async () => {
      const whole = (await ask(a, '/api/sessions?topic=listed')).body;
      return (whole['sessions'] as unknown[]).length === 3 && !('unanswered' in whole);
    });
    for (const one of all) one.close();
  },
);
