// Goal: under `npm start` (embedded PostgreSQL) a SIGKILL of the node loses nothing that was acknowledged:
// the next start adopts the PostgreSQL that is still running, and finds the data; so does one after
// a clean stop.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { Publisher, request } from '../support/clients/publisher.js';
import { makeClone } from '../support/nodes/clone.js';

async function marksInLog(url: string, topic: string): Promise<Map<string, number>> {
  const marks = new Map<string, number>();
  let from = 1;
  for (;;) {
    const page = await request(`${url}/api/topics/${topic}/messages?from_sequence=${from}`, {});
    const messages = page.body['messages'] as { sequence: number; payload: { n: string } }[];
    for (const { sequence, payload } of messages) marks.set(payload.n, sequence);
    if (page.body['next'] === undefined) return marks;
    from = Number(page.body['next']);
  }
}

t.test('npm start survives SIGKILL under load with every acknowledged message', async (t) => {
  const { folder, program, remove } = await makeClone();
  t.teardown(remove);
  const options = { command: 'start' as const, program, cwd: folder };
  const env = { LOG_FORMAT: 'pretty' };
  let node = await startNode(env, options);
  t.teardown(() => node.stop());
  // The node answers before all that it has printed is read.
  await eventually(() => node.output().includes('durable'));
  await request(`${node.url}/api/topics`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"name":"start"}',
  });
  const publisher = new Publisher(node.url, 'start');
  let killed = false;
  const load = publisher.load({ topics: ['start'], connections: 16, until: () => killed });
  await eventually(() => publisher.acked().length > 300);
  await node.kill9();
  killed = true;
  await load;
  node = await startNode(env, options);
  // It adopts the PostgreSQL that was left.
  await eventually(() => node.output().includes('found running'));
  const marks = await marksInLog(node.url, 'start');
  const acked = publisher.acked();
  t.same(
    acked.filter((attempt) => marks.get(attempt.mark) !== attempt.sequence),
    [],
  );
  t.same(
    [...marks.values()],
    Array.from({ length: marks.size }, (_, i) => i + 1),
  );
  t.equal(await node.stop(), 0);
  node = await startNode(env, options);
  t.equal((await marksInLog(node.url, 'start')).size, marks.size, 'and after a clean stop');
  t.equal(await node.stop(), 0);
  publisher.close();
});
