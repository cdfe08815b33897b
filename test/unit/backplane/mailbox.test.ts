// Goal: mail to a worker of another node comes to that worker alone, whole and in the order it was sent;
// without a way, or to a life that has ended, it is gone, and who sends may know.
// Method: a real Redis between workers of two nodes.
import { randomUUID } from 'node:crypto';
import t, { type Test } from 'tap';
import { eventually } from '../../../native-bench/rig/eventually.js';
import { MAIL_BYTES_MAX, type MailAddress, Mailbox } from '../../../src/backplane/mailbox.js';
import { RedisBackplane } from '../../../src/backplane/redis-backplane.js';
import { Ways } from '../../../src/backplane/ways.js';
import { systemClock } from '../../../src/core/clock.js';
import { parseRedisUrl } from '../../../src/core/redis-url.js';
import { startRedis } from '../../support/servers/redis-server.js';

const redis = await startRedis();
t.teardown(() => redis.stop());

interface Worker {
  address: MailAddress;
  mailbox: Mailbox;
  mail: Buffer[];
  /** What was no mail. */
  others: string[];
}

async function open(t: Test, address: MailAddress): Promise<Worker> {
  const mailbox = new Mailbox('test', address);
  const mail: Buffer[] = [];
  const others: string[] = [];
  mailbox.onMail = (bytes) => mail.push(Buffer.from(bytes));
  const origin = `${address.bootId}/${address.worker}`;
  const ignored = {
    onListening: () => undefined,
    onTrouble: () => undefined,
    onWell: () => undefined,
  };
  const of = { url: parseRedisUrl(redis.url), cluster: 'test', origin, clock: systemClock };
  const way = new Ways({
    redis: (by) => new RedisBackplane({ ...ignored, ...of, ...by, queueBytesMax: 8_000_000 }),
    forward: null,
    onMessage: (channel, bytes) => {
      if (!mailbox.came(channel, bytes)) others.push(channel);
    },
    ...{ onListening: () => undefined, onAway: () => undefined },
  });
  t.equal(mailbox.send(address, Buffer.from('too early')), false);
  mailbox.open(way);
  way.start();
  t.teardown(() => way.stop());
  await eventually(() => way.state === 'up');
  return { address, mailbox, mail, others };
}

t.test('comes to the worker it is for, whole and in order', async (t) => {
  const [here, there] = [randomUUID(), randomUUID()];
  const a = await open(t, { bootId: here, worker: 0 });
  const b = await open(t, { bootId: there, worker: 0 });
  const c = await open(t, { bootId: there, worker: 1 });
  const sent = Array.from({ length: 100 }, (_, n) => Buffer.alloc(1 + n * 37, n));
  sent.push(Buffer.alloc(MAIL_BYTES_MAX, 7));
  for (const bytes of sent) t.ok(a.mailbox.send(c.address, bytes));
  t.ok(c.mailbox.send(a.address, Buffer.from('back')));
  await eventually(() => c.mail.length === sent.length && a.mail.length === 1);
  t.ok(c.mail.every((bytes, n) => sent[n]?.equals(bytes)));
  t.same([b.mail, b.others, c.others, String(a.mail[0])], [[], [], [], 'back']);
});

t.test('to a life that has ended it is gone, and nothing else with it', async (t) => {
  const a = await open(t, { bootId: randomUUID(), worker: 0 });
  const b = await open(t, { bootId: randomUUID(), worker: 0 });
  t.ok(a.mailbox.send({ bootId: randomUUID(), worker: 0 }, Buffer.from('nobody')));
  t.ok(a.mailbox.send(b.address, Buffer.from('somebody')));
  await eventually(() => b.mail.length === 1);
  t.throws(() => a.mailbox.send(b.address, Buffer.alloc(MAIL_BYTES_MAX + 1)), RangeError);
});
