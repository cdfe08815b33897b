// Goal: where a subscription goes on after its connection ended: after what came, at the first message of
// a topic that was empty, and nowhere yet when it was not told where it begins.
import t from 'tap';
import { DeliveryWindow } from '../../../src/client/delivery-window.js';

function windowOf(subscription: string | undefined): DeliveryWindow<unknown> {
  return new DeliveryWindow(
    {
      ...{ topic: 'orders', subscription, maxInFlight: 256, dedupe: 64 },
      ...{ handed: 'once', maxDeliver: 5 },
    },
    { say: () => undefined } as never,
  );
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
