// Goal: pages of several databases come as one: in order, none behind what one of them may still have before
// it; and a question that one of them cannot answer is answered by another, or not at all.
import t from 'tap';
import { firstOf, merged } from '../../../../src/log/several/merged.js';

const LIMIT = 3;
const merge = {
  compare: (a: number, b: number) => a - b,
  limit: LIMIT,
  isCut: (page: readonly number[]) => page.length === LIMIT,
};

t.test('every item comes once, in order, whichever page each of them is on', async (t) => {
  const databases = [[1, 2, 3, 4, 10, 11], [5, 6, 20], [], [0, 7, 8, 9, 12, 13, 14, 15]];
  const all: number[] = [];
  for (let after = -1; ; ) {
    const pages = databases.map((items) => items.filter((n) => n > after).slice(0, LIMIT));
    const page = merged(pages, merge);
    if (page.length === 0) break;
    all.push(...page);
    after = page.at(-1) ?? after;
  }
  t.same(
    all,
    databases.flat().sort((a, b) => a - b),
  );
});

t.test('nothing comes from behind the end of a page that was cut', async (t) => {
  const isCut = (page: readonly number[]): boolean => page.at(-1) === 2;
  t.same(merged([[1, 2], [100]], { ...merge, isCut }), [1, 2], 'cut by bytes, before the limit');
  t.same(merged([[1, 2], [100]], { ...merge, isCut: () => false }), [1, 2, 100]);
});

t.test('the first that has it answers; who cannot say counts where nobody has it', async (t) => {
  const away = new Error('away');
  const ask = async (answer: number | null | Error): Promise<number | null> => {
    if (answer instanceof Error) throw answer;
    return answer;
  };
  t.equal(await firstOf([away, null, 7], ask), 7);
  t.equal(await firstOf([null, null], ask), null);
  await t.rejects(firstOf([null, away], ask), away);
});
