// Goal: a session knows what it has asked for until all of that is answered.

import type { WebSocket } from 'uWebSockets.js';
import t from 'tap';
import { KIND_JSON } from '../../../../src/acceptor/delivery/receiver-kind.js';
import { Session, type SocketData } from '../../../../src/acceptor/session/session.js';
import { ANYONE } from '../../../../src/core/principal.js';

/** Nothing here is sent: its socket is always empty. */
const newSession = (): Session => {
  const keeper = {
    sendBufferBytesMax: 0,
    nowMs: 0,
    frameWaits: () => undefined,
    lags: () => undefined,
    ending: () => undefined,
    hasLeft: () => undefined,
    refused: () => undefined,
  };
  const who = { principal: ANYONE, client: null, forwardedFor: null };
  const data: SocketData = { session: null, kind: KIND_JSON, form: 'message', ...who };
  const ws: Partial<WebSocket<SocketData>> = { getBufferedAmount: () => 0 };
  const socket = ws as WebSocket<SocketData>;
  return new Session({ number: 1, data, connectedAtMs: 1, ws: socket, keeper });
};

t.test('a subscription has its number until the last subscribe of it is answered', async (t) => {
  const session = newSession();
  t.equal(session.subscriptionNumber('a'), undefined);
  session.subscribeSent('a', 7);
  session.subscribeSent('b', 8);
  session.subscribeSent('a', 7);
  session.subscribeAnswered('a');
  t.equal(session.subscriptionNumber('a'), 7, 'one of two is answered');
  session.subscribeAnswered('a');
  t.equal(session.subscriptionNumber('a'), undefined, 'both were refused');
  t.equal(session.subscriptionNumber('b'), 8);
});

t.test('what is under way counts, once for each subscription', async (t) => {
  const session = newSession();
  t.equal(session.hasSubscriptions(1), false);
  for (const key of ['a', 'b', 'a']) session.subscribeSent(key, key.charCodeAt(0));
  t.equal(session.hasSubscriptions(2), true);
  t.equal(session.hasSubscriptions(3), false);
  session.subscribeAnswered('b');
  t.equal(session.hasSubscriptions(2), false, 'a refused one counts no more');
});

t.test('what comes behind what it has sent is done once that was read', async (t) => {
  const session = newSession();
  const done: string[] = [];
  session.whenRead(() => done.push('at once'));
  t.same(done, ['at once']);
  const counts = { next: 0, read: 0, heldUntil: 1, bytes: 0 };
  session.inbox = { current: null, messages: [Buffer.alloc(1)], ...counts, marks: null };
  session.whenRead(() => done.push('later'));
  t.same(done, ['at once']);
  t.match(session.inbox.marks, [{ until: 1 }]);
  t.equal(session.isEmpty, true, 'its socket has taken all');
});
