// Goal: the client does what its guide says, against a real node: publishes, reads, acknowledges, gives
// back, and goes on after the node was killed.
import t, { type Test } from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode, type TestNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { type ConduitClient, ConduitError, connect, json } from '../../src/client/client.js';
import { msgpack } from '../../src/client/msgpack.js';

interface Order {
  n: number;
}

/** For those that leave it as it is; their topics are apart. */
const shared = await startNode({});
t.teardown(() => shared.kill9());

async function openClient(
  t: Test,
  node: TestNode,
  codec = json,
): Promise<{ client: ConduitClient; node: TestNode }> {
  const client = connect({ url: node.url, codec });
  t.teardown(() => client.close());
  await client.ready();
  return { client, node };
}

for (const [name, codec] of Object.entries({ json, msgpack })) {
  t.test(
    `a durable subscription is read in order, and acknowledged as it is: ${name}`,
    async (t) => {
      const { client } = await openClient(t, shared, codec);
      const topic = `orders-${name}`;
      const subscription = client.subscribe<Order>(topic, { subscription: 'billing' });
      await subscription.ready();
      const results = await Promise.all(
        [1, 2, 3].map((n) => client.publish(topic, { n }, { key: `k${n}`, headers: { a: 'b' } })),
      );
      t.same(
        results.map(({ sequence, duplicate }) => [sequence, duplicate]),
        [
          [1, false],
          [2, false],
          [3, false],
        ],
      );
      const seen: unknown[] = [];
      for await (const message of subscription) {
        const { payload, sequence, attempt, key, headers } = message;
        seen.push([payload, sequence, attempt, key, headers]);
        t.ok(message.publishedAt.getTime() > 0);
        if (sequence < 3) continue;
        message.ack();
        break;
      }
      t.same(
        seen,
        [1, 2, 3].map((n) => [{ n }, n, 1, `k${n}`, { a: 'b' }]),
      );
      const standing = await client.request('GET', `/api/subscriptions/${topic}/billing`);
      t.match(standing, { ack_floor: 3, lag: 0 });
      t.equal(subscription.state, 'closed', 'leaving the loop leaves the subscription');
      await client.drain();
      t.equal(client.state, 'closed');
    },
  );
}

t.test('what a handler throws comes again; what parse throws is a dead letter', async (t) => {
  const { client } = await openClient(t, shared);
  const handled: string[] = [];
  const errors: string[] = [];
  client.on('error', ({ code }) => errors.push(code));
  const subscription = client.subscribe('failing', {
    subscription: 'billing',
    parse: (payload) => {
      if (typeof payload !== 'number') throw new TypeError('not a number');
      return payload;
    },
    onMessage: async ({ payload, attempt }) => {
      if (payload === 1 && attempt === 1) throw new Error('not yet');
      handled.push(`${payload} ${attempt}`);
    },
  });
  await subscription.ready();
  await client.publishBatch([1, 2, 'three'].map((payload) => ({ topic: 'failing', payload })));
  await eventually(() => handled.length === 2);
  t.same(handled, ['2 1', '1 2']);
  t.same(errors.sort(), ['handler_failed', 'parse_failed']);
  await eventually(async () => {
    const { dead_letters: letters } = (await client.request('GET', '/api/dead-letters')) as {
      dead_letters: { payload: unknown; reason: string }[];
    };
    return letters.length === 1 && letters[0]?.payload === 'three';
  });
});

t.test('two subscriptions of one topic are told apart', async (t) => {
  const { client } = await openClient(t, shared);
  const seen: string[] = [];
  const all = ['a', 'b', undefined].map((subscription) =>
    client.subscribe('twins', {
      ...(subscription === undefined ? {} : { subscription }),
      onMessage: ({ payload }) => void seen.push(`${subscription} ${payload}`),
    }),
  );
  await Promise.all(all.map((one) => one.ready()));
  await client.publish('twins', 1);
  await eventually(() => seen.length === 3);
  t.same(seen.sort(), ['a 1', 'b 1', 'undefined 1']);
});

t.test('manual acknowledgements: what nobody acknowledges comes again', async (t) => {
  const { client } = await openClient(t, shared);
  const attempts: number[] = [];
  const subscription = client.subscribe('manual', {
    subscription: 'billing',
    ack: 'manual',
    ackWaitMs: 200,
    onMessage: (message) => {
      attempts.push(message.attempt);
      if (message.attempt === 3) message.ack();
    },
  });
  await subscription.ready();
  await client.publish('manual', 1);
  await eventually(() => attempts.length === 3);
  await eventually(async () => {
    const standing = await client.request('GET', '/api/subscriptions/manual/billing');
    return (standing as { lag: number }).lag === 0;
  });
  t.same(attempts, [1, 2, 3]);
});

t.test('publishing while offline: it waits, is bounded, and ends with a named error', async (t) => {
  const { client, node } = await openClient(t, await startNode({}));
  t.teardown(() => node.kill9());
  await client.request('POST', '/api/topics', { body: { name: 'orders' } });
  await node.kill9();
  await eventually(() => client.state === 'reconnecting');
  const short = client.publish('orders', 1, { timeoutMs: 300 });
  await t.rejects(short, { code: 'timeout', retryable: true });
  const aborted = new AbortController();
  const waiting = client.publish('orders', 2, { signal: aborted.signal });
  aborted.abort(new Error('enough'));
  await t.rejects(waiting, /enough/);
  const one = connect({ url: node.url, publishQueue: 1 });
  t.teardown(() => one.close());
  const first = one.publish('orders', 1);
  await t.rejects(one.publish('orders', 2), { code: 'publish_queue_full' });
  await one.close();
  await t.rejects(first, { code: 'closed' });
  await t.rejects(one.publish('orders', 2), ConduitError);
});

t.test(
  'a node that is killed and comes back: nothing is missed, and all is in order',
  async (t) => {
    const postgres = await startPostgres();
    t.teardown(() => postgres.stop());
    const env = { DATABASE_URL: postgres.url };
    const first = await startNode(env);
    t.teardown(() => first.kill9());
    const { client } = await openClient(t, first);
    const seen: Record<string, number[]> = { durable: [], ephemeral: [] };
    const follow = (name: string): ReturnType<typeof client.subscribe<Order>> =>
      client.subscribe<Order>('orders', {
        ...(name === 'durable' ? { subscription: name } : {}),
        onMessage: ({ payload }) => void seen[name]?.push(payload.n),
      });
    await Promise.all(['durable', 'ephemeral'].map((name) => follow(name).ready()));
    let published = 0;
    let stop: 'no' | 'yes' = 'no';
    const publishing = (async () => {
      while (stop === 'no') {
        await client.publish('orders', { n: published + 1 });
        published++;
      }
    })();
    await eventually(() => published > 50);
    await first.kill9();
    const second = await startNode({ ...env, PORT: String(first.port) });
    t.teardown(() => second.kill9());
    const before = published;
    await eventually(() => published > before + 50);
    stop = 'yes';
    await publishing;
    const all = Array.from({ length: published }, (_none, at) => at + 1);
    for (const name of ['durable', 'ephemeral']) {
      await eventually(() => seen[name]?.at(-1) === published);
      t.same([...new Set(seen[name])], all, `${name}: all, in order`);
    }
  },
);
