// Goal: what is given back of the acknowledgements' credit is given back to those whose it was, oldest
// first, whatever the order in which they came.
import t from 'tap';
import { AckCredit } from '../../../src/thread/ack-credit.js';
import { SeededRandom } from '../../support/fuzz/seeded-random.js';

t.test('credit goes back to its owners in the order they took it', async (t) => {
  const credit = new AckCredit(10);
  const [one, two] = [{ acks: 0 }, { acks: 0 }];
  for (const owner of [one, one, two, null, one]) credit.take(owner);
  t.same([one.acks, two.acks], [3, 1]);
  credit.giveBack(1);
  t.same([one.acks, two.acks], [2, 1]);
  credit.giveBack(3);
  t.same([one.acks, two.acks], [1, 0], 'that of nobody counts as well');
  credit.take(two);
  credit.giveBackAll();
  t.same([one.acks, two.acks], [0, 0]);
});

t.test('it has room until as many as its bound are under way', async (t) => {
  const credit = new AckCredit(3);
  for (let i = 0; i < 3; i++) {
    t.equal(credit.hasRoom, true);
    credit.take(null);
  }
  t.equal(credit.hasRoom, false);
  credit.giveBack(1);
  t.equal(credit.hasRoom, true);
});

t.test('over many turns every owner has what it took and was not given back', async (t) => {
  const random = new SeededRandom(7);
  const credit = new AckCredit(1_000_000);
  const owners = Array.from({ length: 5 }, () => ({ acks: 0 }));
  const queue: { acks: number }[] = [];
  for (let turn = 0; turn < 3_000; turn++) {
    for (let i = Math.floor(random.next() * 40); i > 0; i--) {
      const owner = owners[Math.floor(random.next() ** 3 * owners.length)];
      if (owner === undefined) break;
      queue.push(owner);
      credit.take(owner);
    }
    const back = Math.min(queue.length, Math.floor(random.next() * 40));
    queue.splice(0, back);
    credit.giveBack(back);
    if (turn % 100 > 0) continue;
    const owed = owners.map((owner) => queue.filter((one) => one === owner).length);
    t.same(
      owners.map(({ acks }) => acks),
      owed,
    );
  }
});
