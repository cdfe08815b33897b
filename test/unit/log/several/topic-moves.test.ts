// Goal: what is left of moves is ended one by one: one that cannot be ended keeps nothing from the
// others, and it is told.
import t from 'tap';
import { eventually } from '../../../../native-bench/rig/eventually.js';
import { TopicMoves } from '../../../../src/log/several/topic-moves.js';

t.test('a move that cannot be ended keeps no other from its end', async (t) => {
  const ended: number[] = [];
  const followed: number[] = [];
  const learnt: [number, number][] = [];
  const troubles: unknown[] = [];
  const refused = new Error('the row of it is held');
  const arriving = [1, 2].map((topicId) => ({ topicId, from: 0 }));
  const late = [3, 4].map((topicId) => ({ topicId, to: 1 }));
  const moves = new TopicMoves({
    mover: {
      move: async () => undefined,
      end: async ({ topicId }) => {
        if (topicId === 1) throw refused;
        ended.push(topicId);
        return 'arrived';
      },
      follow: async ({ topicId }) => {
        if (topicId === 3) throw refused;
        followed.push(topicId);
      },
    },
    databases: [{ placed: { unsettled: async () => ({ arriving, late }) } }],
    learn: (topicId, place) => learnt.push([topicId, place]),
    onTrouble: (error) => troubles.push(error),
  });
  moves.start();
  t.teardown(() => moves.stop());
  await eventually(() => followed.length > 0);
  moves.stop();
  t.same([ended, followed, learnt], [[2], [4], [[2, 0]]]);
  t.same(troubles, [refused, refused]);
});
