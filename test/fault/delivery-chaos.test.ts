// Goal: whatever dies, nothing is lost, nothing is made up, first deliveries come in order, and every
// message of a durable subscription ends acknowledged or dead-lettered, once (I3, I4, I7, I8).
// Method: publishers, groups, single and ephemeral subscribers in both formats; sessions die at random,
// the node is killed every 5 s, PostgreSQL's backends are terminated; then quiet, then the judge.
// CONDUIT_CHAOS_S: for how long, 60 by default; the runner gives up a file after 10 minutes, so run this
// one by itself for longer, with TAP_TIMEOUT (seconds) well above. CONDUIT_CHAOS_SEED: the chance of an
// earlier run.
import t, { type Test } from 'tap';
import { ChaosConsumer, pause } from '../support/chaos-consumer.js';
import { ChaosPublisher } from '../support/chaos-publisher.js';
import { ChaosRecorder } from '../support/chaos-recorder.js';
import { ChaosServer } from '../support/chaos-server.js';
import { type Fault, judgeDeliveries } from '../support/delivery-checker.js';
import type {
  DeadLetterRow,
  DeliveryHistory,
  DurableEnd,
  LoggedMessage,
} from '../support/delivery-history.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { startPostgres } from '../support/postgres.js';
import { type Answer, request } from '../support/publisher.js';
import { SeededRandom } from '../support/seeded-random.js';

const CHAOS_S = Number(process.env.CONDUIT_CHAOS_S ?? 60);
const SEED = Number(process.env.CONDUIT_CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 32));
const KILL_EVERY_MS = 5_000;
const QUIET_WITHIN_MS = 60_000;
/** For starts, the quiet and the verdict, besides the chaos itself. */
const BESIDES_S = 240;
const ACK_WAIT_MS = 300;
const MAX_DELIVER = 5;
const PUBLISHERS = 4;
const PAGE = 500;
const FAULTS_SHOWN = 20;

/** Each consumer subscribes to the three topics of one half. */
const HALVES = [
  ['chaos.a', 'chaos.b', 'chaos.c'],
  ['chaos.d', 'chaos.e', 'chaos.f'],
] as const;
const TOPICS = HALVES.flat();
const DURABLES = [
  { name: 'workers', sessions: 'group', consumers: 3 },
  { name: 'audit', sessions: 'one', consumers: 1 },
] as const;
const EPHEMERAL_CONSUMERS = 2;

function makeConsumers(
  wsUrl: string,
  random: SeededRandom,
  recorder: ChaosRecorder,
): { durable: ChaosConsumer[]; ephemeral: ChaosConsumer[] } {
  let made = 0;
  const make = (topics: readonly string[], subscription: string | null): ChaosConsumer => {
    const format = made++ % 2 === 0 ? 'json' : 'msgpack';
    // Some with a window that fills.
    const window = made % 3 === 0 ? { max_in_flight: 20 } : {};
    const settings = { ack_wait_ms: ACK_WAIT_MS, max_deliver: MAX_DELIVER, ...window };
    const ackWaitMs = ACK_WAIT_MS;
    const rest = { subscription, topics, settings, ackWaitMs, random, recorder };
    return new ChaosConsumer({ wsUrl, format, ...rest });
  };
  const durable = HALVES.flatMap((topics) =>
    DURABLES.flatMap(({ name, consumers }) =>
      Array.from({ length: consumers }, () => make(topics, name)),
    ),
  );
  const ephemeral = HALVES.flatMap((topics) =>
    Array.from({ length: EPHEMERAL_CONSUMERS }, () => make(topics, null)),
  );
  return { durable, ephemeral };
}

/** Asks until the node has its log again. */
async function get(url: string): Promise<Answer> {
  let answer = await request(url, {});
  await eventually(async () => {
    if (answer.status === 503) answer = await request(url, {});
    return answer.status !== 503;
  });
  if (answer.status !== 200) throw new Error(`${url}: ${answer.status} ${answer.body.code}`);
  return answer;
}

async function readHeads(url: string): Promise<Map<string, number>> {
  const heads = new Map<string, number>();
  for (const topic of TOPICS) {
    const { body } = await get(`${url}/api/topics/${topic}/position`);
    heads.set(topic, Number(body.sequence));
  }
  return heads;
}

async function readFloor(url: string, topic: string, name: string): Promise<number> {
  const { body } = await get(`${url}/api/subscriptions/${topic}/${name}`);
  return Number(body.ack_floor);
}

async function readLog(url: string, topic: string): Promise<LoggedMessage[]> {
  const log: LoggedMessage[] = [];
  for (let from: unknown = 1; from !== undefined; ) {
    const query = `from_sequence=${from}&limit=${PAGE}`;
    const { body } = await get(`${url}/api/topics/${topic}/messages?${query}`);
    for (const row of body.messages as Record<string, unknown>[]) {
      const { n } = row.payload as { n: unknown };
      const messageId = String(row.message_id);
      log.push({ topic, sequence: Number(row.sequence), messageId, mark: String(n) });
    }
    from = body.next;
  }
  return log;
}

async function readDeadLetters(url: string): Promise<DeadLetterRow[]> {
  const rows: DeadLetterRow[] = [];
  for (let after: unknown = 0; after !== undefined; ) {
    const { body } = await get(`${url}/api/dead-letters?limit=${PAGE}&after=${after}`);
    for (const row of body.dead_letters as Record<string, unknown>[]) {
      rows.push({
        id: Number(row.id),
        topic: String(row.topic),
        subscription: row.subscription == null ? null : String(row.subscription),
        sequence: Number(row.sequence),
        attempts: Number(row.attempts),
        reason: String(row.reason),
      });
    }
    after = body.next;
  }
  return rows;
}

/** Whether every durable subscription has settled all, and every ephemeral one was given all. */
async function becomesQuiet(url: string, ephemeral: readonly ChaosConsumer[]): Promise<boolean> {
  const heads = await readHeads(url);
  const isQuiet = async (): Promise<boolean> => {
    if (!ephemeral.every((consumer) => consumer.hasAll(heads))) return false;
    for (const topic of TOPICS) {
      for (const { name } of DURABLES) {
        if ((await readFloor(url, topic, name)) < (heads.get(topic) ?? 0)) return false;
      }
    }
    return true;
  };
  return eventually(isQuiet, QUIET_WITHIN_MS).then(
    () => true,
    () => false,
  );
}

async function readHistory(url: string, recorder: ChaosRecorder): Promise<DeliveryHistory> {
  const log: LoggedMessage[] = [];
  const durables: DurableEnd[] = [];
  for (const topic of TOPICS) {
    log.push(...(await readLog(url, topic)));
    for (const { name, sessions } of DURABLES) {
      const ackFloor = await readFloor(url, topic, name);
      durables.push({ topic, name, sessions, startedAfter: 0, ackFloor });
    }
  }
  const deadLetters = await readDeadLetters(url);
  return { events: recorder.events, log, deadLetters, durables, maxDeliver: MAX_DELIVER };
}

/** What to read first when something is wrong. */
function explain(t: Test, faults: readonly Fault[], recorder: ChaosRecorder): void {
  const counts = new Map<string, number>();
  for (const { kind } of faults) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  for (const [kind, count] of counts) {
    t.comment(`${count} x ${kind}`);
    const text = faults.find((fault) => fault.kind === kind)?.text ?? '';
    const [, topic, sequence] = /(\S+)\/(\d+)/.exec(text) ?? [];
    if (topic === undefined) continue;
    t.comment([text, ...recorder.timeline(topic, Number(sequence))].join('\n  '));
  }
}

/** The run was what it says: everything that is to be judged has happened. */
function checkThatMuchHappened(
  t: Test,
  history: DeliveryHistory,
  consumers: readonly ChaosConsumer[],
): void {
  const of = (type: string): number => history.events.filter((e) => e.type === type).length;
  const sum = (count: 'terminated' | 'closed' | 'ended'): number =>
    consumers.reduce((total, { counts }) => total + counts[count], 0);
  const again = history.events.filter((e) => e.type === 'delivered' && e.attempt > 1).length;
  const dead = (reason: string): number =>
    history.deadLetters.filter((row) => row.subscription !== null && row.reason === reason).length;
  t.comment(
    `${history.log.length} messages, ${of('delivered')} deliveries, ${again} of them again, ` +
      `${of('confirmed')} verdicts confirmed; ${dead('max_deliver')} dead letters after all ` +
      `attempts, ${dead('rejected')} rejected; ${sum('ended')} sessions ended, ` +
      `${sum('terminated')} torn and ${sum('closed')} closed by themselves`,
  );
  t.ok(of('published') > CHAOS_S * 5, 'much was published');
  t.ok(of('confirmed') > CHAOS_S * 5, 'much was acknowledged');
  t.ok(again > 0, 'some was redelivered');
  t.ok(dead('max_deliver') > 0, 'some failed for good');
  t.ok(dead('rejected') > 0, 'some was rejected');
  t.ok(sum('terminated') > 0 && sum('closed') > 0, 'sessions ended in both ways');
}

t.test('nothing is lost, made up or out of order while everything dies', async (t) => {
  t.setTimeout((CHAOS_S + BESIDES_S) * 1_000);
  t.comment(`CONDUIT_CHAOS_SEED=${SEED}, for ${CHAOS_S} s`);
  const random = new SeededRandom(SEED);
  const recorder = new ChaosRecorder();
  const postgres = await startPostgres();
  t.teardown(() => postgres.stop());
  const threads = { WORKERS: '2', ACCEPTORS: '2' };
  const env = { DATABASE_URL: postgres.url, PORT: String(await freePort()), ...threads };
  const server = await ChaosServer.start(env, recorder);
  t.teardown(() => server.node.kill9());
  const { url, wsUrl } = server.node;
  const { durable, ephemeral } = makeConsumers(wsUrl, random, recorder);
  const consumers = [...durable, ...ephemeral];
  for (const consumer of consumers) consumer.start();
  t.teardown(() => Promise.all(consumers.map((consumer) => consumer.stop())));
  // The durable names are there, and start at the first message.
  await eventually(
    () => recorder.problems.size > 0 || consumers.every((one) => one.isSubscribed()),
  );
  if (!t.same(Object.fromEntries(recorder.problems), {}, 'all can subscribe')) return;

  let isOver = false;
  const publishers = Array.from(
    { length: PUBLISHERS },
    (_, i) => new ChaosPublisher({ name: `p${i}`, url, topics: TOPICS, random, recorder }),
  );
  const load = publishers.map((publisher) => publisher.run(() => isOver));
  const blows = [
    server.killNodes(KILL_EVERY_MS, () => isOver),
    server.terminateBackends(postgres.url, random.fork(), () => isOver),
  ];
  // A blow that fails ends the chaos at once.
  const overAt = performance.now() + CHAOS_S * 1_000;
  const chaos = Promise.all(blows);
  const time = async (): Promise<void> => {
    while (!isOver && performance.now() < overAt) await pause(100);
  };
  await Promise.race([time(), chaos]).finally(() => {
    isOver = true;
  });
  await chaos;
  for (const consumer of consumers) consumer.calm = true;
  await Promise.all(load);

  const isQuiet = await becomesQuiet(url, ephemeral);
  const history = await readHistory(url, recorder);
  const faults = judgeDeliveries(history);
  explain(t, faults, recorder);
  const repeated = publishers.reduce((sum, publisher) => sum + publisher.repeated, 0);
  t.comment(
    `${server.kills} kills of the node, ${server.terminated} backends terminated, ` +
      `${repeated} publishes repeated, refusals: ${JSON.stringify([...recorder.refusals])}`,
  );
  checkThatMuchHappened(t, history, consumers);
  t.ok(server.kills > 0 && server.terminated > 0, 'the node and its backends were hit');
  t.ok(isQuiet, 'all was settled in a minute of quiet');
  t.same(faults.slice(0, FAULTS_SHOWN), []);
  t.same(Object.fromEntries(recorder.problems), {}, 'nothing happened that no fault explains');
});
