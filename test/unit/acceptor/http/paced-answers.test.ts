// Goal: who reads an answer for long gives way to others, but only when that makes room for them.

import type { HttpResponse } from 'uWebSockets.js';
import t, { type Test } from 'tap';
import { eventually } from '../../../../native-bench/rig/eventually.js';
import { Guard } from '../../../../src/acceptor/http/guard.js';
import { PacedAnswers } from '../../../../src/acceptor/http/paced-answers.js';
import { systemClock } from '../../../../src/core/clock.js';
import { acceptorCounts, acceptorCountsMemory } from '../../../../src/thread/acceptor-counts.js';

const LIMITS = { unreadAnswerBytesMax: 1_000, writeDeadlineMs: 10_000 };

function rig(t: Test) {
  let nowMs = 1_000_000;
  const cut: string[] = [];
  const count = acceptorCounts(acceptorCountsMemory(1), 0).unreadAnswerBytes;
  const answers = new PacedAnswers({
    limits: LIMITS,
    clock: { ...systemClock, monotonic: () => nowMs },
    guard: new Guard(() => undefined),
    count,
  });
  t.teardown(() => answers.close());
  return {
    answers,
    cut,
    count,
    /** A client that reads nothing. */
    hold: (name: string, bytes: number): void => {
      const res = {
        onWritable: () => res,
        cork: (callback: () => void) => callback(),
        getWriteOffset: () => 0,
        tryEnd: () => [false, false],
        close: () => cut.push(name),
      };
      answers.send(res as unknown as HttpResponse, Buffer.alloc(bytes), () => undefined);
    },
    pass: (ms: number): void => {
      nowMs += ms;
    },
  };
}

t.test('who has read for long gives way where that makes room', async (t) => {
  const { answers, cut, hold, pass } = rig(t);
  for (const name of ['oldest', 'old']) hold(name, 300);
  pass(LIMITS.writeDeadlineMs + 1);
  hold('new', 300);
  t.equal(answers.hasRoom(100, 'reads'), true);
  t.same(cut, [], 'there was room');
  t.equal(answers.hasRoom(400, 'reads'), true);
  t.same(cut, ['oldest'], 'no more than must');
});

t.test('nobody is cut for an answer that does not fit all the same', async (t) => {
  const { answers, cut, hold, pass } = rig(t);
  hold('old', 300);
  pass(LIMITS.writeDeadlineMs + 1);
  hold('new', 600);
  t.equal(answers.hasRoom(500, 'reads'), false);
  t.same(cut, []);
  t.equal(answers.hasRoom(500, 'writes'), true, 'these may take as much again');
  t.same(cut, []);
});

t.test(
  'one answer may always be held, in the place of those that were read for long',
  async (t) => {
    const { answers, cut, hold, pass } = rig(t);
    hold('old', 300);
    t.equal(answers.hasRoom(5_000, 'reads'), false, 'not for long yet');
    pass(LIMITS.writeDeadlineMs + 1);
    t.equal(answers.hasRoom(5_000, 'reads'), true);
    t.same(cut, ['old']);
  },
);

t.test('a client that reads so slowly that uWS tells nothing of it is looked after', async (t) => {
  const { answers, cut, count } = rig(t);
  const socket = { offset: 0, room: 0 };
  const res = {
    // The kernel has room, and not enough to say so.
    onWritable: () => res,
    cork: (callback: () => void) => callback(),
    getWriteOffset: () => socket.offset,
    tryEnd: (rest: Uint8Array) => {
      socket.offset += Math.min(socket.room, rest.length);
      const isWhole = socket.room >= rest.length;
      socket.room = 0;
      return [isWhole, isWhole];
    },
    close: () => cut.push('slow'),
  };
  answers.send(res as unknown as HttpResponse, Buffer.alloc(500), () => undefined);
  for (const [room, held] of [
    [200, 500],
    [300, 0],
  ] as const) {
    t.equal(count.total, 500);
    socket.room = room;
    await eventually(() => socket.room === 0);
    t.equal(count.total, held);
  }
  t.equal(socket.offset, 500);
  t.same(cut, []);
});
