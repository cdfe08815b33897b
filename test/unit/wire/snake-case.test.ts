import t from 'tap';
import { snakeMembers } from '../../../src/wire/snake-case.js';

t.test('members are told under the names of JSON, and the compiler knows these', async (t) => {
  const told = snakeMembers({ sessions: 1, unreadAnswerBytes: 2, last3Hours: 3 });
  const { sessions, unread_answer_bytes, last3_hours } = told;
  t.same([sessions, unread_answer_bytes, last3_hours], [1, 2, 3]);
  // @ts-expect-error: it is not told under this one.
  t.equal(told.unreadAnswerBytes, undefined);
});
