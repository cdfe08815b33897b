// Goal: what a session asks about what another node coordinates is answered, also when nobody there is heard.
import t from 'tap';
import { systemClock } from '../../../../src/core/clock.js';
import { ACK_BY_SEQUENCE } from '../../../../src/thread/ops/acknowledge.js';
import { ENCODING_JSON } from '../../../../src/thread/ops/encoding.js';
import { type GivenMessage, packGive, packHolds } from '../../../../src/thread/ops/give.js';
import type { SubscribeOp } from '../../../../src/thread/ops/subscribe.js';
import { PackReader } from '../../../../src/thread/packing/pack-reader.js';
import { PackWriter } from '../../../../src/thread/packing/pack-writer.js';
import { Abroad } from '../../../../src/topic/peers/abroad.js';
import { RemoteAnswers } from '../../../../src/topic/peers/remote-answers.js';
import { RemoteRequests } from '../../../../src/topic/peers/remote-requests.js';
import type { RemoteWorker } from '../../../../src/topic/peers/remote-worker.js';
import type { Outlet } from '../../../../src/topic/state/outlet.js';
import type { Topic } from '../../../../src/topic/state/subscription.js';
import { keyOf } from '../../../support/tenants/tenants.js';

const OP: SubscribeOp = {
  ...{ request: 0, session: 7, subscription: 1, topic: keyOf('t'), encoding: ENCODING_JSON },
  options: {
    ...{ name: 'one', ack: 'explicit', maxInFlight: null, ackWaitMs: null, maxDeliver: null },
    ...{ ordering: 'none', exclusive: false, start: { from: 'latest' }, create: false },
  },
};

t.test('acks that waited for the next owner are answered when the session ends', async (t) => {
  const abroad = new Abroad({
    ...{ clock: systemClock, requests: new RemoteRequests(), workerOf: () => null },
    ...{ nameOf: () => 's', reopen: async () => undefined, onBug: (bug) => t.fail(String(bug)) },
  });
  const answers: unknown[] = [];
  const failed = ({ request, session, code }: Parameters<Outlet['failed']>[0]): void => {
    answers.push({ request, session, code });
  };
  const outlet = { kind: 'local', number: 1, failed } as unknown as Outlet;
  const topic = { id: 1, no: 1, epoch: 'e' } as unknown as Topic;
  const one = abroad.follow({ outlet, op: OP, topic });
  for (const request of [5, 0, 6]) {
    const of = { session: 7, subscription: 1, topicNo: 1 };
    const ack = { kind: ACK_BY_SEQUENCE, sequence: 1, messageId: null } as const;
    abroad.ack(one, { request, ...of, ...ack });
  }
  t.same(answers, []);
  abroad.sessionEnded(outlet, { session: 7, abrupt: false });
  t.same(
    answers,
    [5, 6].map((request) => ({ request, session: 7, code: 'busy' })),
  );
});

t.test('the end of a session looks at no other session', async (t) => {
  const abroad = new Abroad({
    ...{ clock: systemClock, requests: new RemoteRequests(), workerOf: () => null },
    ...{ nameOf: () => 's', reopen: async () => undefined, onBug: (bug) => t.fail(String(bug)) },
  });
  const outlet = { kind: 'local', number: 1 } as unknown as Outlet;
  const topic = { id: 1, no: 1, epoch: 'e' } as unknown as Topic;
  let looks = 0;
  for (let n = 1; n <= 6; n++) {
    const session = { get: () => ++looks && Math.ceil(n / 2), enumerable: true };
    const op = Object.defineProperty({ ...OP, subscription: n }, 'session', session);
    abroad.follow({ outlet, op, topic });
  }
  looks = 0;
  abroad.sessionEnded(outlet, { session: 9, abrupt: false });
  t.equal(looks, 0);
  abroad.sessionEnded(outlet, { session: 2, abrupt: false });
  t.equal(looks, 2, 'each of its own');
  t.same(
    [1, 2, 3, 4, 5, 6].filter((n) => abroad.of(outlet, n) !== undefined),
    [1, 2, 5, 6],
  );
});

/** One worker that is up: what is said to it, and the answer to a subscribe. */
function heardWorker() {
  const requests = new RemoteRequests();
  const said: unknown[] = [];
  const worker = {
    isUp: true,
    want: () => undefined,
    unwant: () => undefined,
    subscribe: ({ options, request }: SubscribeOp) => {
      said.push(options.attached?.held.map(({ sequence }) => sequence));
      last = request;
    },
    forget: () => undefined,
    sessionEnded: ({ abrupt }: { abrupt: boolean }) => said.push(abrupt ? 'cut' : 'ended'),
  } as unknown as RemoteWorker;
  let last = 0;
  const answer = (): void => {
    const place = { request: last, subscription: 1, topicNo: 9, idTag: 1, sequence: 4 };
    const told = { ...place, delivered: 4, epoch: 'e', recovered: null, gap: null };
    requests.take(worker, last)?.subscribed?.(told);
  };
  return { requests, said, worker, answer };
}

for (const when of ['before it is attached', 'before it is answered', 'attached'] as const) {
  t.test(`a page of before that its socket refused is not held: ${when}`, async (t) => {
    const { requests, said, worker, answer } = heardWorker();
    const abroad = new Abroad({
      ...{ clock: systemClock, requests, workerOf: () => worker },
      ...{ nameOf: () => 's', reopen: async () => undefined, onBug: (bug) => t.fail(String(bug)) },
    });
    const outlet = { kind: 'local', number: 1 } as unknown as Outlet;
    const topic = { id: 1, no: 1, epoch: 'e' } as unknown as Topic;
    const one = abroad.follow({ outlet, op: OP, topic });
    one.answered();
    for (const sequence of [1, 2, 3]) one.held.wasGiven({ sequence, attempt: 1 }, null);
    const left = { subscription: 1, topicNo: 1, round: 1, lastSequence: 1 };
    if (when === 'before it is attached') abroad.left(one, left);
    abroad.attach(one, 'boot');
    if (when === 'before it is answered') abroad.left(one, left);
    answer();
    if (when === 'attached') abroad.left(one, left);
    answer();
    t.equal(one.state, 'attached');
    t.same(said, when === 'before it is attached' ? [[1]] : [[1, 2, 3], 'ended', [1]]);
    one.held.given({ sequence: 4, attempt: 1 }, null);
    abroad.left(one, left);
    t.match(
      one.held.list,
      [{ sequence: 1 }, { sequence: 4 }],
      'what came since it was attached is',
    );
  });
}

t.test('the term begins anew with whoever it is attached to next', async (t) => {
  const { requests, worker, answer } = heardWorker();
  const abroad = new Abroad({
    ...{ clock: systemClock, requests, workerOf: () => worker },
    ...{ nameOf: () => 's', reopen: async () => undefined, onBug: (bug) => t.fail(String(bug)) },
  });
  const given: number[] = [];
  const give = (_op: unknown, holds: readonly GivenMessage[]): void => {
    given.push(...holds.map(({ row }) => row.sequence));
  };
  const outlet = { kind: 'local', number: 1, give } as unknown as Outlet;
  const topic = { id: 1, no: 1, epoch: 'e' } as unknown as Topic;
  const one = abroad.follow({ outlet, op: OP, topic });
  one.answered();
  const answers = new RemoteAnswers(abroad, requests);
  const gives = (term: number, sequence: number): void => {
    const { number: subscription } = one;
    const writer = new PackWriter();
    const row = { sequence, messageId: new Uint8Array(16) };
    packHolds(writer, { subscription, term, deliveries: [{ row, attempt: 1 }] });
    packGive(writer, { subscription, topicNo: 9, messages: 1, frames: new Uint8Array(1) });
    const reader = new PackReader(writer.take());
    while (!reader.done) t.ok(answers.handle(worker, reader.u8(), reader));
  };
  abroad.attach(one, 'boot');
  answer();
  gives(7, 1);
  gives(6, 2);
  t.same(given, [1], 'of an older term than was seen');
  gives(8, 3);
  // It was deleted and made again meanwhile: it has the terms of another.
  abroad.linkReset(worker);
  abroad.linkUp(worker);
  answer();
  gives(1, 4);
  t.same(given, [1, 3, 4]);
});
