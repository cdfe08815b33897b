// Goal: what may have been missed of a topic is looked for in that topic alone, soon, and once for many
// reasons; all topics are looked at only after Redis was away.
// Method: a real Redis; of the log, which topics were asked for.
import { MessageChannel } from 'node:worker_threads';
import t, { type Test } from 'tap';
import { eventually } from '../../../../native-bench/rig/eventually.js';
import { DroppedMail } from '../../../../src/backplane/dropped-mail.js';
import { Envelopes } from '../../../../src/backplane/envelopes.js';
import { RedisBackplane } from '../../../../src/backplane/redis-backplane.js';
import { Ways } from '../../../../src/backplane/ways.js';
import { systemClock } from '../../../../src/core/clock.js';
import { DEFAULT_LIMITS } from '../../../../src/core/limits.js';
import { parseRedisUrl } from '../../../../src/core/redis-url.js';
import type { TopicRecord } from '../../../../src/core/topic-record.js';
import { FoldedReads } from '../../../../src/log/contract/folded-reads.js';
import { ENCODING_JSON } from '../../../../src/thread/ops/encoding.js';
import { LocalOutlet } from '../../../../src/topic/delivery/local-outlet.js';
import { Announcements } from '../../../../src/topic/log/announcements.js';
import { Figures } from '../../../../src/topic/state/figures.js';
import { HotCacheBudget } from '../../../../src/topic/state/hot-cache.js';
import { Subscription, type Topic } from '../../../../src/topic/state/subscription.js';
import { Topics } from '../../../../src/topic/state/topics.js';
import { startRedis } from '../../../support/servers/redis-server.js';
import { keyOf } from '../../../support/tenants/tenants.js';

const CLUSTER = 'test';
const TOPICS = 40;

const redis = await startRedis();
const { port1, port2 } = new MessageChannel();
const outlet = new LocalOutlet({
  ...{ port: port1, acceptor: 0, limits: DEFAULT_LIMITS },
  handler: { handle: () => undefined, endTurn: () => undefined },
});
t.teardown(async () => {
  port2.close();
  await redis.stop();
});

function recordOf(id: number): TopicRecord {
  return {
    ...{ id, key: keyOf(`t${id}`), lastSequence: 10, firstSequence: 1, bytes: 0 },
    ...{ createdAtMs: 0, lastPublishedAtMs: 0 },
    retention: { hours: null, messages: null, bytes: null },
  };
}

/** Of a worker whose Redis is up and whose topics, but for the last, have a subscription each. */
class Rig {
  readonly topics = new Topics({
    ...{ find: async () => null, epochOf: (id: number) => `e${id}`, clock: systemClock },
    budget: new HotCacheBudget(DEFAULT_LIMITS.hotCacheBytesMax),
    figures: new Figures(systemClock),
    onReplaced: () => undefined,
  });
  /** Topics whose heads were read, in that order. */
  asked: number[] = [];
  suspicions = 0;
  readonly announcements: Announcements;

  private constructor() {
    const envelopes = new Envelopes({ cluster: CLUSTER, origin: 'here', secret: null });
    this.announcements = new Announcements({
      open: (handlers) =>
        new Ways({
          ...{ ...handlers, forward: null },
          redis: (by) =>
            new RedisBackplane({
              ...{
                ...handlers,
                ...by,
                url: parseRedisUrl(redis.url),
                cluster: CLUSTER,
                origin: 'here',
              },
              ...{ clock: systemClock, queueBytesMax: 1_000_000 },
            }),
        }),
      ...{ envelopes, cluster: CLUSTER, topics: this.topics, clock: systemClock },
      heads: new FoldedReads(async (ids: readonly number[]) => {
        this.asked.push(...ids);
        return new Map(ids.map((id) => [id, recordOf(id)]));
      }),
      onTold: () => undefined,
      onHead: () => undefined,
      onHeadFailed: () => undefined,
      onSuspicion: () => this.suspicions++,
      ...{ dropped: new DroppedMail(() => undefined), linkResets: () => 0 },
      ...{ onTrouble: () => undefined, onWell: () => undefined },
    });
  }

  static async start(t: Test): Promise<Rig> {
    const rig = new Rig();
    t.teardown(() => rig.announcements.stop());
    rig.announcements.start();
    for (let id = 1; id < TOPICS; id++) rig.subscribe(id);
    await eventually(() => rig.announcements.tell() && rig.suspicions === 1);
    await rig.heard(TOPICS - 1);
    await rig.settled();
    return rig;
  }

  subscribe(id: number): { topic: Topic; end: () => void } {
    const topic = this.topics.met(recordOf(id));
    const one = new Subscription({
      ...{ outlet, session: id, number: id, topic, encoding: ENCODING_JSON, tracker: null },
      ...{ origin: 's', ack: 'none', maxInFlight: null, inFlightMaxDefault: 256, delivered: 10 },
    });
    topic.remember(one);
    this.announcements.audience(topic);
    const end = (): void => {
      topic.forget(one);
      this.announcements.audience(topic);
    };
    return { topic, end };
  }

  async heard(id: number): Promise<void> {
    await eventually(async () => {
      const [, listeners] = await redis.client.pubsub('NUMSUB', `${CLUSTER}:e${id}`);
      return listeners === 1;
    });
  }

  /** What was to be done soon has been, and is forgotten. */
  async settled(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 200));
    this.asked = [];
    this.suspicions = 0;
  }
}

t.test('a channel that is new: the head of its topic alone is read', async (t) => {
  const rig = await Rig.start(t);
  rig.subscribe(TOPICS);
  await eventually(() => rig.asked.length > 0);
  await rig.heard(TOPICS);
  t.same(rig.asked, [TOPICS]);
  t.equal(rig.suspicions, 0);
});

t.test('after Redis was away all are looked at', async (t) => {
  const rig = await Rig.start(t);
  await redis.client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await eventually(() => rig.suspicions === 2);
  t.equal(rig.announcements.tell(), true);
});

t.test(
  'what is dropped: the head of the topic of its channel is read, once for many',
  async (t) => {
    const rig = await Rig.start(t);
    const there = new Envelopes({ cluster: CLUSTER, origin: 'there', secret: null });
    const say = (id: number, message: Buffer): Promise<number> =>
      redis.client.publish(`${CLUSTER}:e${id}`, message);
    const messages = [
      [1, Buffer.from('garbage')],
      [2, there.ofRange('e9', 11, 11)],
      [3, there.ofRange('e3', 1_000_000, 1_000_001)],
    ] as const;
    for (let n = 0; n < 10; n++) {
      await Promise.all(messages.map(([id, message]) => say(id, message)));
    }
    await eventually(() => rig.asked.length >= 3);
    const dropped = () => rig.announcements.figures.dropped;
    await eventually(() => dropped().garbage + dropped().epoch + dropped().farAhead >= 30);
    t.match(dropped(), { garbage: 10, epoch: 10, farAhead: 10 });
    t.same([...new Set(rig.asked)].sort(), [1, 2, 3]);
    t.ok(rig.asked.length <= 9, `${rig.asked.length} reads for 30 envelopes`);
    t.equal(rig.suspicions, 0);
  },
);

t.test('whoever subscribes while its channel is still listened to: its head is read', async (t) => {
  const rig = await Rig.start(t);
  const { end } = rig.subscribe(TOPICS);
  await rig.heard(TOPICS);
  await rig.settled();
  end();
  rig.subscribe(TOPICS);
  await eventually(() => rig.asked.length > 0);
  rig.subscribe(TOPICS);
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.same(rig.asked, [TOPICS], 'but not for each further one');
});
