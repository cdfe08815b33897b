// Goal: each verb of an outlet arrives as the operation it stands for, in the order of the calls; messages
// use up credit, nothing else does, and what comes back is handed on.
import { MessageChannel } from 'node:worker_threads';
import t, { type Test } from 'tap';
import { eventually } from '../../../../native-bench/rig/eventually.js';
import { DEFAULT_LIMITS } from '../../../../src/core/limits.js';
import { AcceptorLinkEnd } from '../../../../src/thread/link.js';
import { packAck, readAckCredit, readAcked } from '../../../../src/thread/ops/acknowledge.js';
import { readReply } from '../../../../src/thread/ops/call.js';
import {
  readDeliver,
  readDeliverGroup,
  readJoin,
  readLeave,
} from '../../../../src/thread/ops/deliver.js';
import { ENCODING_JSON } from '../../../../src/thread/ops/encoding.js';
import { readFailed } from '../../../../src/thread/ops/failed.js';
import { readFence } from '../../../../src/thread/ops/fence.js';
import { readGap } from '../../../../src/thread/ops/gap.js';
import { readGive, readProbe } from '../../../../src/thread/ops/give.js';
import * as opcodes from '../../../../src/thread/ops/opcodes.js';
import { readDeferred, readPublished } from '../../../../src/thread/ops/publish.js';
import { readSought } from '../../../../src/thread/ops/sought.js';
import {
  readCaughtUp,
  readSubscribed,
  readTopicMade,
  readUnsubscribed,
} from '../../../../src/thread/ops/subscribe.js';
import { readDry } from '../../../../src/thread/ops/want.js';
import type { PackReader } from '../../../../src/thread/packing/pack-reader.js';
import { LocalOutlet } from '../../../../src/topic/delivery/local-outlet.js';
import { PackedOutlet } from '../../../../src/topic/delivery/packed-outlet.js';
import type { Outlet } from '../../../../src/topic/state/outlet.js';

const of = { subscription: 7, topicNo: 3 };
const frames = new Uint8Array(10).fill(1);
const messageId = new Uint8Array(16).fill(2);
const range = { firstSequence: 5, lastSequence: 9, frames };
const gap = { from: 1, to: 4, reason: 'retention' as const };

const ops = {
  deliver: { ...of, round: 2, ...range },
  deliverGroup: { topicNo: 3, encoding: ENCODING_JSON, ...range },
  give: { ...of, messages: 1, frames },
  join: { ...of, round: 4 },
  leave: of,
  sought: { ...of, sequence: 4 },
  fence: { ...of, place: 1, lapses: 3 },
  probe: of,
  dry: of,
  published: {
    ...{ request: 1, duplicate: false, sequence: 5, publishedAtMs: 6, subscribers: 2 },
    ...{ messageId, epoch: 'e' },
  },
  deferred: {
    ...{ request: 1, duplicate: true, deferredId: 4, deliverAtMs: 5 },
    ...{ sequence: 0, publishedAtMs: 0, messageId },
  },
  reply: { request: 1, result: '{}', body: frames },
  failed: { request: 1, session: 2, code: 'busy', detail: 'd', field: null },
  subscribed: {
    ...{ request: 1, ...of, idTag: 5, sequence: 9, delivered: 4 },
    ...{ epoch: 'e', recovered: false, gap },
  },
  unsubscribed: { request: 1, ...of, reason: 2 },
  caughtUp: { ...of, sequence: 9 },
  gap: { ...of, sequence: 9, delivered: 4, epoch: 'e', gap },
} as const;

/** By verb: the operation's code, what reads it, and what does the verb. */
type Verb = [code: number, read: (from: PackReader) => unknown, call: (outlet: Outlet) => void];
const VERBS: Readonly<Record<string, Verb>> = {
  deliver: [opcodes.OP_DELIVER, readDeliver, (to) => to.deliver(ops.deliver)],
  deliverGroup: [
    opcodes.OP_DELIVER_GROUP,
    readDeliverGroup,
    (to) => to.deliverGroup(ops.deliverGroup),
  ],
  give: [opcodes.OP_GIVE, readGive, (to) => to.give(ops.give, [], 0)],
  join: [opcodes.OP_JOIN, readJoin, (to) => to.join(ops.join)],
  leave: [opcodes.OP_LEAVE, readLeave, (to) => to.leave(ops.leave)],
  sought: [opcodes.OP_SOUGHT, readSought, (to) => to.sought(ops.sought)],
  fence: [opcodes.OP_FENCE, readFence, (to) => to.fence(ops.fence)],
  probe: [opcodes.OP_PROBE, readProbe, (to) => to.probe(ops.probe)],
  dry: [opcodes.OP_DRY, readDry, (to) => to.dry(ops.dry)],
  published: [opcodes.OP_PUBLISHED, readPublished, (to) => to.published(ops.published)],
  deferred: [opcodes.OP_DEFERRED, readDeferred, (to) => to.deferred(ops.deferred)],
  acked: [opcodes.OP_ACKED, readAcked, (to) => to.acked(11)],
  acksHandled: [opcodes.OP_ACK_CREDIT, readAckCredit, (to) => to.acksHandled(12)],
  sliceRead: [opcodes.OP_SLICE_READ, () => undefined, (to) => to.sliceRead()],
  reply: [opcodes.OP_REPLY, readReply, (to) => to.reply(ops.reply)],
  failed: [opcodes.OP_FAILED, readFailed, (to) => to.failed(ops.failed)],
  subscribed: [opcodes.OP_SUBSCRIBED, readSubscribed, (to) => to.subscribed(ops.subscribed)],
  topicMade: [opcodes.OP_TOPIC_MADE, readTopicMade, (to) => to.topicMade(13)],
  unsubscribed: [
    opcodes.OP_UNSUBSCRIBED,
    readUnsubscribed,
    (to) => to.unsubscribed(ops.unsubscribed),
  ],
  caughtUp: [opcodes.OP_CAUGHT_UP, readCaughtUp, (to) => to.caughtUp(ops.caughtUp)],
  gap: [opcodes.OP_GAP, readGap, (to) => to.gap(ops.gap)],
};
const GIVEN: Readonly<Record<string, unknown>> = {
  ...ops,
  acked: 11,
  acksHandled: 12,
  topicMade: 13,
};
/** Those that bring messages. */
const USE_CREDIT = ['deliver', 'deliverGroup', 'give'];

/** An outlet whose credit one message uses up, and the acceptor's end of its link. */
function rig(t: Test) {
  const { port1, port2 } = new MessageChannel();
  const came: [code: number, op: unknown][] = [];
  const heard: [outlet: Outlet, code: number | 'end of turn'][] = [];
  const byCode = new Map(Object.values(VERBS).map(([code, read]) => [code, read]));
  const outlet = new LocalOutlet({
    ...{ port: port1, acceptor: 6, limits: { ...DEFAULT_LIMITS, linkDeliverBytesMax: 10 } },
    handler: {
      handle: (from, code, reader) => {
        heard.push([from, code]);
        while (!reader.done) reader.u8();
      },
      endTurn: (from) => heard.push([from, 'end of turn']),
    },
  });
  const acceptor = new AcceptorLinkEnd({
    ...{ port: port2, worker: 0, generation: 1, limits: DEFAULT_LIMITS },
    onOp: (code, reader) => came.push([code, byCode.get(code)?.(reader)]),
    onTurn: () => undefined,
  });
  t.teardown(() => {
    outlet.close();
    acceptor.close();
  });
  return { outlet, acceptor, came, heard };
}

t.test('each verb arrives as its operation, in the order of the calls', async (t) => {
  const own = [PackedOutlet, LocalOutlet].flatMap((one) =>
    Object.getOwnPropertyNames(one.prototype),
  );
  const credit = ['hasCredit', 'creditReturned', 'takeCredit', 'flushSoon'];
  const others = ['constructor', 'close', ...credit];
  t.same(own.filter((name) => !others.includes(name)).sort(), Object.keys(VERBS).sort());
  const { outlet, came } = rig(t);
  t.equal(outlet.number, 6);
  for (const [, , call] of Object.values(VERBS)) call(outlet);
  await eventually(() => came.length === Object.keys(VERBS).length);
  t.strictSame(
    came,
    Object.entries(VERBS).map(([name, [code]]) => [code, GIVEN[name]]),
  );
});

for (const [name, [, , call]] of Object.entries(VERBS)) {
  const uses = USE_CREDIT.includes(name);
  t.test(`${name} ${uses ? 'uses up' : 'costs no'} credit`, async (t) => {
    const { outlet } = rig(t);
    call(outlet);
    t.equal(outlet.hasCredit, !uses);
    t.equal(outlet.creditReturned(uses ? 10 : 0), uses, 'which ends a time without');
    t.ok(outlet.hasCredit);
  });
}

t.test('what the acceptor sends is handed on, with whose it is', async (t) => {
  const { outlet, acceptor, heard } = rig(t);
  packAck(acceptor.writer, {
    request: 0,
    session: 1,
    ...of,
    kind: 1,
    sequence: 3,
    messageId: null,
  });
  acceptor.scheduleFlush();
  await eventually(() => heard.length === 2);
  t.equal(heard[0]?.[0], outlet);
  t.same(
    heard.map(([, code]) => code),
    [opcodes.OP_ACK, 'end of turn'],
  );
});
