import t from 'tap';
import { Turns } from '../../../src/core/turns.js';

/** Tasks that end when they are told to, and the order in which they began. */
class Tasks {
  readonly begun: string[] = [];
  readonly #ends = new Map<string, () => void>();

  task(name: string): () => Promise<string> {
    return () => {
      this.begun.push(name);
      return new Promise((resolve) => this.#ends.set(name, () => resolve(name)));
    };
  }

  async end(name: string): Promise<void> {
    this.#ends.get(name)?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

t.test('a few at a time, and of those who wait one of each lane in turn', async (t) => {
  const turns = new Turns({ atOnce: 2, waitingMax: 100 });
  const tasks = new Tasks();
  const all = ['a1', 'a2', 'a3', 'a4', 'a5', 'b1', 'b2', 'c1'].map((name) =>
    turns.run(name.charAt(0), tasks.task(name)),
  );
  t.same(tasks.begun, ['a1', 'a2']);
  for (const name of ['a1', 'a2', 'a3', 'b1', 'c1', 'a4', 'b2', 'a5']) await tasks.end(name);
  t.same(tasks.begun, ['a1', 'a2', 'a3', 'b1', 'c1', 'a4', 'b2', 'a5']);
  t.same(await Promise.all(all), ['a1', 'a2', 'a3', 'a4', 'a5', 'b1', 'b2', 'c1']);
  const again = turns.run('a', tasks.task('a6'));
  t.equal(tasks.begun.at(-1), 'a6', 'all places are free again');
  await tasks.end('a6');
  await again;
});

t.test('what fails gives its place back, and a full lane is refused', async (t) => {
  const turns = new Turns({ atOnce: 1, waitingMax: 1, variable: 'SOME_MAX' });
  const tasks = new Tasks();
  const failing = turns.run('a', async () => {
    throw new Error('no');
  });
  const waiting = turns.run('a', tasks.task('next'));
  const refusal = { code: 'busy', message: /(SOME_MAX)/ };
  await t.rejects(turns.run('a', tasks.task('one too many')), refusal);
  await t.rejects(failing, { message: 'no' });
  await new Promise((resolve) => setImmediate(resolve));
  await tasks.end('next');
  t.equal(await waiting, 'next');
  t.same(tasks.begun, ['next']);
});
