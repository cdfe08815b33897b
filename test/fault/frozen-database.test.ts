// Goal: a database that hears and does not answer holds a publish up for a stated time, and a drain for
// less than its time-out: the node ends by itself and says in one line what was not saved.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { startCutProxy } from '../support/servers/cut-proxy.js';

const server = await startPostgres();
const proxy = await startCutProxy(server.port);
t.teardown(async () => {
  proxy.close();
  await server.stop();
});

t.test('publishes are answered, a drain ends and says what is left', async (t) => {
  const node = await startNode({
    DATABASE_URL: `postgres://postgres@127.0.0.1:${proxy.port}/postgres`,
    WORKERS: '1',
  });
  const post = async (path: string, body: unknown): Promise<{ code: string; ms: number }> => {
    const from = performance.now();
    const headers = { 'content-type': 'application/json' };
    const init = { method: 'POST', headers, body: JSON.stringify(body) };
    const { code = '' } = (await (await fetch(node.url + path, init)).json()) as { code?: string };
    return { code, ms: performance.now() - from };
  };
  await post('/api/topics', { name: 'frozen' });
  const subscriber = await Subscriber.open(node.wsUrl);
  subscriber.send({ type: 'subscribe', topic: 'frozen', subscription: 'one' });
  await eventually(() => subscriber.control.some(({ type }) => type === 'subscribed'));
  await post('/api/publish', { topic: 'frozen', payload: 1 });
  await eventually(() => subscriber.messages.length === 1);
  proxy.door = 'silent';
  t.ok(proxy.mute(/^conduit\//) > 3);
  subscriber.send({ type: 'ack', topic: 'frozen', sequence: 1, ref: 7 });
  const publish = (): Promise<{ code: string; ms: number }> =>
    post('/api/publish', { topic: 'frozen', payload: 2 });
  // The first is in the statement that is not answered, the second waits behind it.
  const first = publish();
  await new Promise((resolve) => setTimeout(resolve, 100));
  const second = publish();
  await new Promise((resolve) => setTimeout(resolve, 100));
  const from = performance.now();
  const exited = node.stop();
  const [inCommit, behind] = await Promise.all([first, second]);
  t.equal(inCommit.code, 'outcome_unknown');
  t.ok(inCommit.ms < 11_000, `in COMMIT: ${Math.round(inCommit.ms)} ms`);
  t.equal(behind.code, 'log_unavailable');
  t.ok(behind.ms < 8_000, `behind it: ${Math.round(behind.ms)} ms`);
  t.equal(await exited, 1);
  const ms = performance.now() - from;
  t.ok(ms < 15_000, `ended after ${Math.round(ms)} ms`);
  t.match(
    node.output(),
    /^conduit: .*not saved: 1 other requests .*1 subscriptions settled, 1 .*$/m,
  );
  t.notMatch(node.output(), /did not stop within/);
  t.match(subscriber.closed, { code: 1012 }, 'sessions are told');
});
