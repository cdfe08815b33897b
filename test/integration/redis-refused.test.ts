// Goal: a Redis that refuses is told in a line and costs nothing else; in memory it is a fault of the node.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { freePort } from '../../native-bench/rig/free-port.js';
import { PACKAGE_FOLDER, startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { ask, backplaneOf, publish } from '../support/nodes/node-pair.js';
import { startRedis } from '../support/servers/redis-server.js';

const OPERATIONS = readFileSync(path.join(PACKAGE_FOLDER, 'docs/operations.md'), 'utf8');
const PASSWORD = 'not-to-be-shown-anywhere';
const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const redis = await startRedis();
t.teardown(() => redis.stop());
await redis.client.call('ACL', 'SETUSER', 'mute', 'on', `>${PASSWORD}`, '+@all', 'resetchannels');

const REFUSING: [why: string, url: string, cause: RegExp][] = [
  [
    'a wrong password',
    redis.url.replace('//', `//mute:wrong${PASSWORD}@`),
    /WRONGPASS|invalid username-password/,
  ],
  ['no right to its channels', redis.url.replace('//', `//mute:${PASSWORD}@`), /NOPERM/],
  ['nobody there', `redis://127.0.0.1:${await freePort()}`, /ECONNREFUSED/],
];

for (const [why, url, cause] of REFUSING) {
  t.test(why, async (t) => {
    const node = await startNode({ DATABASE_URL: postgres.url, REDIS_URL: url, WORKERS: '1' });
    t.teardown(() => node.kill9());
    const session = await Subscriber.open(node.wsUrl, 'json');
    await session.subscribe('here', { ack: 'none' });
    const { length } = session.messages;
    await publish(node, { topic: 'here', payload: 1 });
    await eventually(() => session.messages.length === length + 1);
    await eventually(async () => (await backplaneOf(node)).errors >= 3);
    t.equal((await backplaneOf(node)).state, 'connecting');
    const said = node
      .output()
      .split('\n')
      .filter((line) => /Redis cannot be reached/.test(line));
    t.equal(said.length, 1);
    t.match(said[0], cause);
    t.notMatch(node.output(), PASSWORD);
    session.close();
    t.equal(await node.stop(), 0);
  });
}

t.test('the rights that the documentation asks for are enough', async (t) => {
  const [, rights = ''] = /`ACL SETUSER conduit on >\.\.\. ([^`]+)`/.exec(OPERATIONS) ?? [];
  t.match(rights, /resetchannels/);
  await redis.client.call('ACL', 'SETUSER', 'conduit', 'on', `>${PASSWORD}`, ...rights.split(' '));
  const url = redis.url.replace('//', `//conduit:${PASSWORD}@`);
  const node = await startNode({ DATABASE_URL: postgres.url, REDIS_URL: url, WORKERS: '1' });
  t.teardown(() => node.kill9());
  const session = await Subscriber.open(node.wsUrl, 'json');
  await session.subscribe('allowed', { ack: 'none' });
  await eventually(async () => (await backplaneOf(node)).state === 'up');
  await publish(node, { topic: 'allowed', payload: 1 });
  await eventually(async () => (await backplaneOf(node)).published > 0);
  t.equal((await backplaneOf(node)).errors, 0);
  session.close();
  t.equal(await node.stop(), 0);
});

t.test('in memory it is said in health: what others publish is nowhere else', async (t) => {
  const node = await startNode({ REDIS_URL: 'redis://127.0.0.1:1', WORKERS: '1' });
  t.teardown(() => node.kill9());
  const answer = await ask(node, '/api/health');
  t.equal(answer.status, 503);
  t.match(answer.body, { checks: { relay: /not heard, nor told/, log: 'ok' } });
  t.equal(await node.stop(), 0);
});
