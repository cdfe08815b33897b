// Goal: a fan-out to many sockets is written in slices, each group whole and in order; nothing waits
// longer than its bounds, and what is handed out is released exactly once.
import t from 'tap';
import { eventually } from '../../../../native-bench/rig/eventually.js';
import { GroupChunk } from '../../../../src/acceptor/delivery/group-chunk.js';
import { GroupPump } from '../../../../src/acceptor/delivery/group-pump.js';
import { Pace } from '../../../../src/acceptor/delivery/pace.js';
import type {
  ReceiverSubscription,
  SocketGroup,
} from '../../../../src/acceptor/delivery/receiver.js';
import { KIND_MSGPACK } from '../../../../src/acceptor/delivery/receiver-kind.js';
import { SocketGroups } from '../../../../src/acceptor/delivery/socket-groups.js';
import { ENCODING_MSGPACK } from '../../../../src/thread/ops/encoding.js';
import { openLink } from '../../../support/nodes/acceptor-link.js';

const { link, close } = openLink();
t.teardown(close);

/** Joined sessions of topic 1, in as many groups as they take. */
function groupsOf(sessions: number): readonly SocketGroup[] {
  const groups = new SocketGroups();
  for (let n = 0; n < sessions; n++) enter(groups, 1).group.changed(KIND_MSGPACK, 1);
  return groups.of(link, 1);
}

/** A subscription, of which groups look at nothing else. */
function enter(groups: SocketGroups, topicNo: number): ReceiverSubscription {
  const group = groups.withRoom(link, topicNo);
  const subscription = { group } as ReceiverSubscription;
  group.subscriptions.push(subscription);
  return subscription;
}

class Rig {
  readonly groups: readonly SocketGroup[];
  /** What was published, in order. */
  readonly published: { group: SocketGroup; first: number }[] = [];
  readonly released: number[] = [];
  readonly pump: GroupPump;
  nowMs = 1_000;

  constructor(sessions: number, busyShare = 0) {
    this.groups = groupsOf(sessions);
    this.pump = new GroupPump({
      clock: { now: () => 0, monotonic: () => this.nowMs, random: () => 0 },
      pace: new Pace(() => busyShare),
      publish: (group, chunk) => {
        this.published.push({ group, first: chunk.op.firstSequence });
        this.#release(chunk);
      },
    });
  }

  /** As DELIVER_GROUP comes. */
  deliver(sequence: number, bytes = 100, groups = this.groups): void {
    const chunk = new GroupChunk(link, {
      topicNo: 1,
      encoding: ENCODING_MSGPACK,
      firstSequence: sequence,
      lastSequence: sequence,
      frames: new Uint8Array(bytes),
    });
    for (const group of groups) this.pump.add(group, chunk);
    this.#release(chunk);
  }

  sequencesOf(group: SocketGroup | undefined): number[] {
    return this.published.filter((one) => one.group === group).map(({ first }) => first);
  }

  #release(chunk: GroupChunk): void {
    if (chunk.release()) this.released.push(chunk.op.firstSequence);
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

t.test('a few sessions are written to at once', async (t) => {
  const rig = new Rig(100);
  rig.deliver(1);
  t.equal(rig.published.length, 1);
  t.same(rig.released, [1]);
});

t.test(
  'a thousand are written to over several turns, what comes meanwhile with them',
  async (t) => {
    const rig = new Rig(1_000);
    t.equal(rig.groups.length, 8);
    rig.deliver(1);
    t.equal(rig.published.length, 1, 'one group of 128 in this turn');
    rig.deliver(2);
    t.same(rig.released, [], 'others do not have them');
    let turns = 0;
    for (; rig.released.length < 2; turns++) {
      const before = rig.published.length;
      await turn();
      t.ok(rig.published.length - before <= 4, 'at most two groups with two chunks each in a turn');
    }
    t.ok(turns >= 7 && turns <= 12, `${turns} turns`);
    for (const group of rig.groups) t.same(rig.sequencesOf(group), [1, 2]);
    t.same(rig.released, [1, 2]);
  },
);

t.test('ten thousand take no more than some dozen turns', async (t) => {
  const rig = new Rig(10_000);
  rig.deliver(1);
  let turns = 0;
  for (; rig.released.length === 0; turns++) await turn();
  t.ok(turns > 8 && turns < 40, `${turns} turns`);
  t.equal(rig.published.length, rig.groups.length, 'each group once');
});

t.test('what is large is written at once', async (t) => {
  const rig = new Rig(1_000);
  rig.deliver(1);
  rig.deliver(2, 9_000);
  for (const group of rig.groups) t.same(rig.sequencesOf(group), [1, 2]);
  t.same(rig.released, [1, 2]);
});

t.test('flush writes what waits for one group, and nothing twice', async (t) => {
  const rig = new Rig(1_000);
  rig.deliver(1);
  const last = rig.groups.at(-1);
  if (last === undefined) throw new Error('there is no group');
  t.same(rig.sequencesOf(last), []);
  rig.pump.flush(last);
  rig.pump.flush(last);
  t.same(rig.sequencesOf(last), [1]);
  rig.pump.flushAll();
  t.same(rig.released, [1]);
  for (let n = 0; n < 20; n++) await turn();
  t.equal(rig.published.length, rig.groups.length);
});

t.test('while the thread is full, small writes wait for each other, within 20 ms', async (t) => {
  const rig = new Rig(128, 1);
  const [group] = rig.groups;
  for (let sequence = 1; sequence <= 20; sequence++) {
    rig.nowMs += 20;
    rig.deliver(sequence);
    // For want of a turn at most.
    await eventually(() => rig.published.length === sequence);
  }
  rig.nowMs += 1;
  rig.deliver(21);
  rig.nowMs += 1;
  rig.deliver(22);
  t.equal(rig.published.length, 20, 'these wait');
  rig.nowMs += 18;
  await eventually(() => rig.published.length === 22);
  t.same(rig.sequencesOf(group).slice(-2), [21, 22]);
  t.equal(rig.released.length, 22);
});

t.test('one session waits for nobody, however full the thread is', async (t) => {
  const rig = new Rig(1, 1);
  for (let sequence = 1; sequence <= 40; sequence++) {
    rig.nowMs += 1;
    rig.deliver(sequence);
    t.equal(rig.released.length, sequence);
    await turn();
  }
});

t.test('who does not rest is not held up by who does', async (t) => {
  const rig = new Rig(3 * 128, 1);
  const [a, b, c] = rig.groups.map((group) => [group]);
  rig.deliver(1, 100, a);
  await turn();
  rig.deliver(2, 100, a);
  rig.deliver(3, 100, b);
  rig.deliver(4, 100, c);
  await eventually(() => rig.released.length >= 3);
  t.same(rig.released, [1, 3, 4]);
  rig.pump.flushAll();
});

t.test('the rest follows the load: none, up to 20 ms, and none again', async (t) => {
  let busyShare = 0.6;
  const pace = new Pace(() => busyShare);
  let nowMs = 0;
  const after = (looks: number): number => {
    for (let n = 0; n < looks; n++) {
      nowMs += 20;
      pace.restMs(nowMs);
    }
    return pace.restMs(nowMs);
  };
  t.equal(after(10), 0);
  busyShare = 1;
  t.ok(after(1) > 0);
  t.equal(after(50), 20);
  busyShare = 0.6;
  t.equal(after(50), 0);
});

t.test('a group that nobody refers to is gone, and its place is taken again', async (t) => {
  const groups = new SocketGroups();
  const entered = Array.from({ length: 129 }, () => enter(groups, 7));
  t.equal(groups.of(link, 7).length, 2);
  const [first] = entered;
  if (first === undefined) throw new Error('no group');
  groups.exit(first);
  t.equal(first.group.subscriptions.includes(first), false);
  t.equal(groups.withRoom(link, 7), first.group, 'there was room');
  for (const subscription of entered) groups.exit(subscription);
  t.same(groups.of(link, 7), []);
  const other = groups.withRoom(link, 7);
  t.not(other.nameOf(KIND_MSGPACK), first.group.nameOf(KIND_MSGPACK));
  groups.unlinked(link);
  t.same(groups.of(link, 7), []);
});
