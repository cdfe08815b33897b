// Goal: whoever asks for what has changed knows in the end what there is, however much of it he asks for at
// once, whenever he comes, and whether or not the other began anew; what has not changed is not told again.
import t from 'tap';
import { ToldCopy, ToldValues } from '../../../src/core/told-values.js';
import { SeededRandom } from '../../support/fuzz/seeded-random.js';

const isSame = (one: number, other: number): boolean => one === other;
const nothing = (): void => undefined;

function ask(values: ToldValues<number>, copy: ToldCopy<number>, max: number): number {
  let told = 0;
  for (;;) {
    const answer = values.since(copy.place, max);
    told += answer.changes.length;
    copy.apply(answer, nothing);
    if (!answer.more) return told;
  }
}

t.test('two who ask at different times know the same', async (t) => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = new SeededRandom(seed);
    const values = new ToldValues<number>(isSame);
    const known = new Map<string, number>();
    const [often, seldom] = [new ToldCopy<number>(), new ToldCopy<number>()];
    for (let step = 0; step < 400; step++) {
      const name = `n${Math.floor(random.between(0, 40))}`;
      const value = random.next() < 0.3 ? null : Math.floor(random.between(0, 5));
      values.set(name, value);
      if (value === null) known.delete(name);
      else known.set(name, value);
      if (random.next() < 0.2) often.apply(values.since(often.place, 3), nothing);
      if (random.next() < 0.01) ask(values, seldom, 7);
    }
    for (const copy of [often, seldom]) {
      ask(values, copy, 3);
      t.strictSame(new Map([...copy.values].sort()), new Map([...known].sort()), `seed ${seed}`);
      t.equal(ask(values, copy, 3), 0, 'nothing is told twice');
    }
  }
});

t.test('sums that are kept by what changes are those of what there is', async (t) => {
  const values = new ToldValues<number>(isSame);
  const copy = new ToldCopy<number>();
  let sum = 0;
  const onChange = (_: string, before: number | null, now: number | null): void => {
    sum += (now ?? 0) - (before ?? 0);
  };
  for (let n = 0; n < 100; n++) values.set(`t${n}`, n);
  copy.apply(values.since(null, 1_000), onChange);
  t.equal(sum, 4_950);
  values.set('t99', null);
  values.set('t1', 10);
  const changes = values.since(copy.place, 1_000);
  t.equal(changes.changes.length, 2);
  copy.apply(changes, onChange);
  t.equal(sum, 4_950 - 99 + 9);
  copy.apply(new ToldValues<number>(isSame).since(copy.place, 10), onChange);
  t.equal(sum, 0, 'another beginning: what was known is forgotten');
});

t.test('what is gone does not grow', async (t) => {
  const values = new ToldValues<number>(isSame);
  const copy = new ToldCopy<number>();
  values.set('stays', 1);
  ask(values, copy, 100);
  for (let n = 0; n < 25_000; n++) {
    values.set(`s${n}`, 1);
    values.set(`s${n}`, null);
  }
  t.ok(values.since({ incarnation: 1, version: 1 }, 1).isAnew);
  t.ok(ask(values, new ToldCopy<number>(), 1_000) < 10_002);
  ask(values, copy, 1_000);
  t.strictSame([...copy.values], [['stays', 1]]);
});
