// Goal: a fault of ours in sending is told, and does not become a rejection that nobody hears, which would
// end the thread. A worker is woken for several verdicts together, none is lost by that, and none waits for a
// request that has no end.
import { EventEmitter } from 'node:events';
import t, { type Test } from 'tap';
import { eventually } from '../../../../native-bench/rig/eventually.js';
import { ReceiverSubscription } from '../../../../src/acceptor/delivery/receiver.js';
import { SocketGroupOf } from '../../../../src/acceptor/delivery/socket-group.js';
import type { Outcome } from '../../../../src/acceptor/webhooks/outcome.js';
import { WebhookSession } from '../../../../src/acceptor/webhooks/webhook-session.js';
import { systemClock } from '../../../../src/core/clock.js';
import { DEFAULT_LIMITS } from '../../../../src/core/limits.js';
import { Principal } from '../../../../src/core/principal.js';
import { asTenant } from '../../../../src/core/topic-key.js';
import { AcceptorLinkEnd } from '../../../../src/thread/link.js';
import {
  readAck,
  readVerdict,
  VERDICT_NACK,
  VERDICT_RETURN,
} from '../../../../src/thread/ops/acknowledge.js';
import { OP_ACK, OP_VERDICT, OP_WANT } from '../../../../src/thread/ops/opcodes.js';
import { readWant } from '../../../../src/thread/ops/want.js';
import { PackReader } from '../../../../src/thread/packing/pack-reader.js';
import { FRAME_SEPARATOR } from '../../../../src/wire/server-frame.js';

const frameOf = (sequence: number): string =>
  `{"type":"message","message_id":"01a21ef6-e1f5-7fb7-8f15-d0e871f23dc2","topic":"t","payload":1,` +
  `"published_at":"2026-11-28T00:00:00.000Z","sequence":${sequence},"attempt":1}`;
const FRAME = Buffer.from(frameOf(1));
const SEPARATOR = String.fromCharCode(FRAME_SEPARATOR);
const CONCURRENCY = 8;
const TAKEN: Outcome = { what: 'taken' };

/** A port whose other end is the test: what was posted, an operation in words each. */
class TestPort extends EventEmitter {
  readonly posted: string[][] = [];

  postMessage(packed: ArrayBuffer): void {
    const reader = new PackReader(packed, []);
    const words: string[] = [];
    while (!reader.done) words.push(wordOf(reader.u8(), reader));
    this.posted.push(words);
  }

  close(): void {
    // Nothing is behind it.
  }
}

function wordOf(op: number, reader: PackReader): string {
  if (op === OP_WANT) return `want ${readWant(reader).messages}`;
  if (op === OP_ACK) return `ack ${readAck(reader).sequence}`;
  if (op !== OP_VERDICT) throw new Error(`operation ${op}`);
  const { verdict, sequence, reason } = readVerdict(reader);
  if (verdict === VERDICT_RETURN) return `return ${sequence}`;
  return verdict === VERDICT_NACK ? `nack ${sequence} ${reason}` : `verdict ${verdict}`;
}

/** A session that has been given messages 1 to 8, whose requests are answered one by one. */
async function given(t: Test, { linkMessagesMax = DEFAULT_LIMITS.linkMessagesMax } = {}) {
  const port = new TestPort();
  const limits = { ...DEFAULT_LIMITS, linkMessagesMax };
  const link = new AcceptorLinkEnd({
    ...{ port: port as never, worker: 0, generation: 1, limits },
    onOp: () => undefined,
    onTurn: () => undefined,
  });
  const answers: ((outcome: Outcome) => void)[] = [];
  const ended: string[] = [];
  const webhook = {
    ...{ topic: 't', name: 'n', format: 'payload', concurrency: CONCURRENCY },
    ...{ version: 'v', secrets: [] },
  } as never;
  const session = new WebhookSession({
    ...{ number: 1, principal: new Principal(asTenant('acme'), ['subscribe']), webhook },
    endpoint: {
      post: () => new Promise((resolve) => answers.push(resolve)),
      close: () => undefined,
    },
    ...{ clock: systemClock, holds: () => true, onOutcome: () => undefined },
    onFault: (error) => {
      throw error;
    },
    onEnded: (_session, why) => ended.push(why),
  });
  const fields = { receiver: session, number: 5, topic: 't', options: {} as never, link };
  const subscription = new ReceiverSubscription(
    { ...fields, idTag: 0, epoch: 'e', lastSequence: 0 },
    new SocketGroupOf(link, 3, 1),
  );
  session.subscriptions.set('t n', subscription);
  session.opened(subscription);
  await turn();
  t.same(port.posted.splice(0), [[`want ${CONCURRENCY}`]]);
  const frames = Array.from({ length: CONCURRENCY }, (_, n) => frameOf(n + 1));
  t.equal(session.giveMessages(Buffer.from(frames.join(SEPARATOR))), Number.POSITIVE_INFINITY);
  t.equal(session.giveMessages(FRAME), 0, 'there is no room for one more');
  const answer = async (sequence: number, outcome: Outcome = TAKEN): Promise<void> => {
    answers[sequence - 1]?.(outcome);
    await turn();
  };
  return { port, link, session, ended, answer };
}

/** What is under way in this turn, and what is posted at its end. */
const turn = (): Promise<void> =>
  new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

t.test('an endpoint that breaks', async (t) => {
  const fault = new Error('a bug');
  const told = new Promise((resolve) => {
    const webhook = { topic: 't', concurrency: 1, version: 'v', secrets: [] } as never;
    const session = new WebhookSession({
      ...{ number: 1, principal: new Principal(asTenant('acme'), ['subscribe']), webhook },
      endpoint: { post: () => Promise.reject(fault), close: () => undefined },
      ...{ clock: systemClock, holds: () => true, onOutcome: () => undefined },
      ...{ onFault: resolve, onEnded: () => undefined },
    });
    session.resumed = () => undefined;
    session.opened({} as never);
    session.giveMessages(FRAME);
  });
  t.equal(await told, fault);
});

t.test('verdicts go together, and places are free with them', async (t) => {
  const { port, answer } = await given(t);
  // Without a turn in between that would let time pass.
  await Promise.all([answer(1), answer(2), answer(3)]);
  await answer(4);
  await answer(5, { what: 'failed', kind: 'status', reason: 'it answered 500', afterMs: null });
  await eventually(
    () => port.posted.flat().filter((word) => !word.startsWith('want')).length === 5,
  );
  const words = port.posted.flat();
  t.same(
    words.filter((word) => !word.startsWith('want')),
    ['ack 1', 'ack 2', 'ack 3', 'ack 4', 'nack 5 webhook: it answered 500'],
  );
  const wanted = words.filter((word) => word.startsWith('want'));
  t.equal(
    wanted.reduce((sum, word) => sum + Number(word.slice(5)), 0),
    5,
    'each place once',
  );
  t.ok(port.posted.length < 5, `${port.posted.length} times it was woken`);
});

t.test('one waits for no request that has no end', async (t) => {
  const { port, answer } = await given(t);
  await answer(3);
  await eventually(() => port.posted.length === 1);
  t.same(port.posted, [['ack 3', 'want 1']]);
});

t.test('the last ones of a session that closes are said before it ends', async (t) => {
  const { port, session, ended, answer } = await given(t);
  for (let sequence = 1; sequence <= CONCURRENCY - 1; sequence++) await answer(sequence);
  session.close('closed');
  t.same(ended, [], 'one is under way');
  await answer(CONCURRENCY, { what: 'gone' });
  t.same(ended, ['closed']);
  t.same(
    port.posted.flat().filter((word) => !word.startsWith('want')),
    [1, 2, 3, 4, 5, 6, 7].map((sequence) => `ack ${sequence}`).concat('return 8'),
  );
});

t.test("what is known when it is ended is said; what is not is nobody's", async (t) => {
  const { port, session, answer } = await given(t);
  const both = [answer(1), answer(2)];
  // Their outcomes are told in microtasks, before any time can pass.
  for (let n = 0; n < 10; n++) await null;
  session.end('lost');
  await Promise.all(both);
  await answer(3);
  t.same(port.posted, [['ack 1', 'ack 2']]);
});

t.test('without credit they wait, and take no place of others', async (t) => {
  const { port, link, answer } = await given(t, { linkMessagesMax: 0 });
  for (let sequence = 1; sequence <= CONCURRENCY; sequence++) await answer(sequence);
  t.same(port.posted, []);
  link.returnAckCredit(CONCURRENCY);
  await eventually(() => port.posted.length > 0);
  t.same(port.posted.flat(), [...[1, 2, 3, 4, 5, 6, 7, 8].map((n) => `ack ${n}`), 'want 8']);
});
