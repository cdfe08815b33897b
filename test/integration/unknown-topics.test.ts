// Goal: whoever asks for thousands of topics that are not there, or makes hundreds, holds up nobody.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { request } from '../support/clients/publisher.js';
import { type Frame, Subscriber } from '../support/clients/subscriber.js';

const SEPARATOR = '\u001e';
const MAKERS = 10;
const TOPICS_EACH = 60;

const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const node = await startNode({ DATABASE_URL: postgres.url, TOPICS_PER_TENANT_MAX: '100000' });
t.teardown(() => node.kill9());

function joined(frames: readonly Record<string, unknown>[]): string {
  return frames.map((frame) => JSON.stringify(frame)).join(SEPARATOR);
}

const errorsOf = (frames: readonly Frame[]): unknown[] => [
  ...new Set(frames.filter(({ type }) => type === 'error').map(({ code }) => code)),
];

t.test('ten thousand publishes to topics that are not there', async (t) => {
  const attacker = await Subscriber.open(node.wsUrl, 'json');
  const victim = await Subscriber.open(node.wsUrl, 'json');
  await victim.subscribe('there');
  const frames = Array.from({ length: 10_000 }, (_, n) => ({
    ...{ type: 'publish', topic: `none.${n % 5_000}.${n}`, payload: 1 },
  }));
  attacker.socket.send(joined(frames));
  for (const subscription of ['one', 'two', 'three']) {
    const answer = await victim.subscribe('there', { subscription });
    t.match(answer, { type: 'subscribed' }, 'others are served meanwhile');
  }
  await eventually(() => attacker.control.length >= frames.length || attacker.closed !== null);
  t.equal(attacker.control.length, frames.length, 'each has its answer');
  t.same(errorsOf(attacker.control), ['topic_not_found']);
  t.equal(attacker.closed, null);
  attacker.close();
  victim.close();
});

t.test('thousands of deferred publishes', async (t) => {
  const attacker = await Subscriber.open(node.wsUrl, 'json');
  const victim = await Subscriber.open(node.wsUrl, 'json');
  await victim.subscribe('there');
  const frames = Array.from({ length: 5_000 }, (_, n) => ({
    ...{ type: 'publish', topic: 'there', payload: n, delay_ms: 3_600_000, ref: n },
  }));
  attacker.socket.send(joined(frames));
  await eventually(() => attacker.control.length > 0);
  for (const subscription of ['seven', 'eight', 'nine']) {
    const answer = await victim.subscribe('there', { subscription });
    t.match(answer, { type: 'subscribed' }, 'others are served meanwhile');
  }
  t.same(errorsOf(attacker.control), []);
  attacker.close();
  victim.close();
});

t.test('hundreds of topics made by subscribes, and by requests', async (t) => {
  const makers = await Promise.all(
    Array.from({ length: MAKERS }, () => Subscriber.open(node.wsUrl, 'json')),
  );
  const victim = await Subscriber.open(node.wsUrl, 'json');
  makers.forEach((maker, m) => {
    const frames = Array.from({ length: TOPICS_EACH }, (_, n) => ({
      ...{
        type: 'subscribe',
        topic: `made.${m}.${n}`,
        subscription: n % 2 === 0 ? 's' : undefined,
      },
    }));
    maker.socket.send(joined(frames));
  });
  const headers = { 'content-type': 'application/json' };
  const posts = Array.from({ length: 200 }, (_, n) => {
    const body = JSON.stringify({ name: `posted.${n}` });
    return request(`${node.url}/api/topics`, { method: 'POST', headers, body });
  });
  for (const subscription of ['four', 'five', 'six']) {
    const answer = await victim.subscribe('there', { subscription });
    t.match(answer, { type: 'subscribed' }, 'others are served meanwhile');
  }
  const subscribed = (): Frame[] =>
    makers.flatMap(({ control }) => control.filter(({ type }) => type === 'subscribed'));
  await eventually(() => subscribed().length === makers.length * TOPICS_EACH);
  t.same(errorsOf(makers.flatMap(({ control }) => control)), []);
  // Where the machine has too much to do, one that was not answered in time is told so.
  for (const answer of await Promise.all(posts)) {
    if (answer.status === 201) continue;
    t.match(answer, { status: 503, body: { code: /^(busy|log_unavailable)$/ } });
  }
  for (const one of [...makers, victim]) one.close();
});
