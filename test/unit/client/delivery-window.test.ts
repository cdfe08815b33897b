// Goal: where a subscription goes on after its connection ended: after what came, at the first message of
// a topic that was empty, and nowhere yet when it was not told where it begins. What comes again is dropped
// when it was settled, and given when somebody sought back.
import t from 'tap';
import { DeliveryWindow } from '../../../src/client/delivery-window.js';
import type { MessageFrame } from '../../../src/wire/server-frame-types.js';

function windowOf(subscription: string | undefined): DeliveryWindow<unknown> {
  return new DeliveryWindow(
    {
      ...{ topic: 'orders', subscription, maxInFlight: 256, dedupe: 64 },
      ...{ handed: 'once', maxDeliver: 5 },
    },
    { say: () => undefined } as never,
  );
}

function frameOf(sequence: number, attempt: number): MessageFrame {
  const of = { type: 'message', topic: 'orders', message_id: `m${sequence}` } as const;
  return { ...of, payload: 1, published_at: '', sequence, attempt };
}

t.test('an empty topic has a first message to go on at', async (t) => {
  const window = windowOf(undefined);
  window.beginAfter(0);
  t.equal(window.disconnected(), 1);
  // It was confirmed again, and messages that came meanwhile are on their way.
  window.beginAfter(5);
  t.equal(window.disconnected(), 1);
  window.changeLog();
  window.beginAfter(0);
  t.equal(window.disconnected(), 1, 'so has another log');
});

t.test('it goes on after where it began; told nothing, it begins anew', async (t) => {
  const window = windowOf(undefined);
  t.equal(window.disconnected(), 0);
  window.beginAfter(7);
  t.equal(window.disconnected(), 8);
});

t.test('what was settled and comes again is dropped; what was sought is given', async (t) => {
  const window = windowOf('billing');
  const give = (sequences: readonly number[], attempt = 1): number[] =>
    sequences.filter((sequence) => {
      const isUnread = window.take(frameOf(sequence, attempt), 0);
      for (let one = window.hand(); one !== undefined; one = window.hand()) window.settle(one);
      return isUnread;
    });
  t.same(give([1, 2, 3, 4, 5]), [1, 2, 3, 4, 5]);
  window.acks();
  window.stored(3);
  window.disconnected();
  t.same(give([4, 5]), [], 'their acknowledgements were not stored');
  t.same(give([2], 2), [], 'another attempt');
  window.acks();
  window.disconnected();
  t.same(give([3, 4, 5, 6]), [3, 4, 5, 6], 'sought back while it was away');
  window.acks();
  window.disconnected();
  t.same(give([3, 4, 5, 6]), [], 'that those were settled again is not stored');
  window.acks();
  window.stored(6);
  t.same(give([1, 2]), [1, 2], 'sought back while it was there');
  window.changeLog();
  t.same(give([1]), [1], 'another log');
});
