// Goal: each member has its turn once in a round, however many there are and however they come and go.
import t from 'tap';
import { Rounds } from '../../../../src/acceptor/session/rounds.js';

const ROUND_MS = 25_000;
const STEP_MS = 500;

/** When each member had its turns in so many ms. */
function turnsOf(members: ReadonlySet<number>, ms: number): Map<number, number[]> {
  const rounds = new Rounds(members, ROUND_MS);
  const turns = new Map<number, number[]>();
  for (let at = STEP_MS; at <= ms; at += STEP_MS) {
    for (const member of rounds.turns(STEP_MS)) {
      turns.set(member, [...(turns.get(member) ?? []), at]);
    }
  }
  return turns;
}

for (const count of [1, 2, 7, 49, 50, 51, 1_000]) {
  t.test(`of ${count} members each has one turn in a round`, async (t) => {
    const members = new Set(Array.from({ length: count }, (_, n) => n));
    const turns = turnsOf(members, 4 * ROUND_MS);
    t.equal(turns.size, count);
    for (const [member, at] of turns) {
      t.ok(at.length >= 3 && at.length <= 4, `${member} had ${at.length} in four rounds`);
      const gaps = at.slice(1).map((ms, n) => ms - (at[n] ?? 0));
      t.ok(
        gaps.every((gap) => Math.abs(gap - ROUND_MS) <= STEP_MS),
        `${member}: ${gaps.join(' ')}`,
      );
    }
  });
}

t.test('turns are spread over the round', async (t) => {
  const members = new Set(Array.from({ length: 1_000 }, (_, n) => n));
  const rounds = new Rounds(members, ROUND_MS);
  for (let step = 0; step < 100; step++) t.equal(rounds.turns(STEP_MS).length, 20);
});

t.test('after a pause nobody has its turn twice, and nobody is passed over', async (t) => {
  const members = new Set([1, 2, 3]);
  const rounds = new Rounds(members, ROUND_MS);
  t.same(rounds.turns(10 * ROUND_MS).toSorted(), [1, 2, 3]);
  t.same(rounds.turns(0), []);
});

t.test('who comes and who goes is noticed', async (t) => {
  const members = new Set<number>();
  const rounds = new Rounds(members, 1_000);
  t.same(rounds.turns(1_000), []);
  members.add(1);
  t.same(rounds.turns(1_000), [1]);
  members.add(2);
  t.same(rounds.turns(1_000).toSorted(), [1, 2]);
  members.delete(1);
  t.same(rounds.turns(1_000), [2]);
});
