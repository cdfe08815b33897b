// Goal: what a session asks about what another node coordinates is answered, also when nobody there is heard.
import t from 'tap';
import { systemClock } from '../../../../src/core/clock.js';
import { ACK_BY_SEQUENCE } from '../../../../src/thread/ops/acknowledge.js';
import { ENCODING_JSON } from '../../../../src/thread/ops/encoding.js';
import type { SubscribeOp } from '../../../../src/thread/ops/subscribe.js';
import { Abroad } from '../../../../src/topic/peers/abroad.js';
import { RemoteRequests } from '../../../../src/topic/peers/remote-requests.js';
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
