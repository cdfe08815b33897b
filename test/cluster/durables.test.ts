// Goal: a durable subscription is one, wherever its sessions sit: each message goes to one of them, in order
// by key where that was asked for; what fails comes again, also at the other node; what is asked of it by
// HTTP is done whichever node is asked.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { readHistory } from '../support/chaos-end.js';
import { ChaosRecorder } from '../support/chaos-recorder.js';
import { judgeDeliveries } from '../support/delivery-checker.js';
import { GroupMember } from '../support/group-member.js';
import { ask, startPair } from '../support/node-pair.js';
import { Publisher } from '../support/publisher.js';

const pair = await startPair(t);
const { a, b } = pair;
const MAX_DELIVER = 5;

t.test('two nodes share one group', async (t) => {
  const recorder = new ChaosRecorder();
  const of = { topic: 'group.plain', name: 'workers', recorder };
  const onA = await GroupMember.open({ ...of, node: a });
  const onB = await GroupMember.open({ ...of, node: b, format: 'msgpack' });
  const publishers = [new Publisher(a.url, 'a'), new Publisher(b.url, 'b')];
  let isOver = false;
  const load = Promise.all(
    publishers.map((one) =>
      one.load({ topics: [of.topic], connections: 2, until: () => isOver, pauseMs: 5 }),
    ),
  );
  await eventually(() => onA.got.length > 200 && onB.got.length > 200);
  isOver = true;
  await load;
  const sent = publishers.reduce((sum, one) => sum + one.acked().length, 0);
  await eventually(async () => (await floorOf(of)) === sent);
  t.equal(onA.got.length + onB.got.length, sent, 'each message once');
  await judge(t, of);
  for (const one of publishers) one.close();
  onA.end('clean');
  onB.end('clean');
});

interface Group {
  topic: string;
  name: string;
  recorder: ChaosRecorder;
}

async function floorOf({ topic, name }: Group, node = a): Promise<number> {
  const { body } = await ask(node, `/api/subscriptions/${topic}/${name}`);
  return Number(body['ack_floor']);
}

async function judge(t: { same(found: unknown, wanted: unknown): unknown }, of: Group) {
  const durables = [{ name: of.name, sessions: 'group' as const }];
  const scope = { url: a.url, topics: [of.topic], durables };
  t.same(judgeDeliveries(await readHistory(scope, of.recorder, MAX_DELIVER)), []);
}
