/** `conduit top`: what goes on, each second, sorted by what one likes. */
import { setTimeout as delay } from 'node:timers/promises';
import { type AskedCommand, command, type LineOptions } from '../line/command.js';
import type { NodeApi } from '../node/node-api.js';
import { apiOf } from '../node/shown.js';
import { GrowthRates, rowsOf, sorted, TOP_VIEWS, type TopView } from '../node/top-views.js';
import { CommandFailure, EXIT_DONE } from '../terminal/failure.js';
import { cellOf, printable } from '../terminal/printable.js';
import { Screen } from '../terminal/screen.js';
import { type Row, Table } from '../terminal/table.js';

const EVERY_MS = 1_000;
const LIMIT_DEFAULT = 1_000;

const OPTIONS = {
  view: {
    kind: 'choice',
    choices: TOP_VIEWS.map(({ name }) => name),
    text: 'What is shown at first; topics without it.',
  },
  limit: {
    kind: 'integer',
    min: 1,
    max: 10_000,
    text: `Looks at so many, by name, at most; ${LIMIT_DEFAULT} without it.`,
  },
  count: { kind: 'integer', min: 1, max: 1_000_000_000, text: 'Ends after so many looks.' },
} as const satisfies LineOptions;

interface Look {
  stats: Row;
  rows: Row[];
}

export const TOP = command({
  name: 'top',
  takes: [],
  text: 'Shows what goes on in a node: topics, subscriptions, sessions, nodes; each second anew.',
  more:
    'Keys: t topics, s subscriptions, c sessions, n nodes (scope operate); < and > another column to sort by, r the other way round,\n' +
    'q the end. Where stdout is no terminal each look is printed below the one before; with --json it is an object.',
  example: 'conduit top --view subscriptions',
  talksTo: 'node',
  options: OPTIONS,
  run: (asked) => new Top(asked).run(),
});

class Top {
  readonly #asked: AskedCommand<typeof OPTIONS>;
  readonly #api: NodeApi;
  readonly #screen: Screen | null;
  readonly #quit = new AbortController();
  #view: TopView;
  #rates: GrowthRates;
  #sortAt = 0;
  #order: 'greatest first' | 'reversed' = 'greatest first';
  #look: Look | null = null;
  #trouble = '';

  constructor(asked: AskedCommand<typeof OPTIONS>) {
    const [first] = TOP_VIEWS;
    const { options, shell } = asked;
    const view = TOP_VIEWS.find(({ name }) => name === options.view) ?? first;
    if (view === undefined) throw new Error('there is no view');
    this.#asked = asked;
    this.#api = apiOf(asked);
    this.#view = view;
    this.#rates = new GrowthRates(view);
    this.#sortAt = firstSort(view);
    const isScreen = shell.output === 'terminal' && shell.mode === 'people';
    this.#screen = isScreen ? new Screen((key) => this.#press(key)) : null;
  }

  async run(): Promise<number> {
    const { options, shell } = this.#asked;
    const end = AbortSignal.any([shell.end(), this.#quit.signal]);
    let looks = 0;
    // What is wrong at first is told before the screen is taken.
    this.#look = await this.#take();
    this.#screen?.open();
    try {
      for (;;) {
        this.#show();
        if (++looks >= (options.count ?? Number.POSITIVE_INFINITY)) break;
        await delay(EVERY_MS, null, { signal: end }).catch(() => null);
        if (end.aborted) break;
        await this.#lookAgain();
      }
    } finally {
      this.#screen?.close();
    }
    return EXIT_DONE;
  }

  async #lookAgain(): Promise<void> {
    try {
      const view = this.#view;
      const look = await this.#take();
      // Meanwhile somebody may have turned to another one.
      if (view === this.#view) this.#look = look;
      this.#trouble = '';
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      this.#trouble = error.message;
      if (this.#screen === null) this.#asked.shell.complain(error.message);
    }
  }

  async #take(): Promise<Look> {
    const { path, member } = this.#view;
    const rates = this.#rates;
    const stats = (await this.#api.ask('/api/stats')).body;
    const rows: Row[] = [];
    if (member === 'nodes') rows.push(...rowsOf((await this.#api.ask(path)).body[member]));
    else {
      const limit = this.#asked.options.limit ?? LIMIT_DEFAULT;
      for await (const items of this.#api.pages({ path, member, limit })) {
        rows.push(...items.map(({ row }) => row));
      }
    }
    return { stats, rows: rates.of(rows, performance.now()) };
  }

  #show(): void {
    const { shell } = this.#asked;
    if (this.#look === null) return;
    const { stats, rows } = this.#look;
    const column = this.#view.columns[this.#sortAt];
    const inOrder = column === undefined ? rows : sorted(rows, column, this.#order);
    if (shell.mode === 'json') {
      shell.printJson(JSON.stringify({ view: this.#view.name, stats, rows: inOrder }));
    } else if (this.#screen === null) shell.print(`${this.#lines(stats, inOrder).join('\n')}\n`);
    else this.#screen.draw(this.#lines(stats, inOrder));
  }

  #lines(stats: Row, rows: readonly Row[]): string[] {
    // All of it is what a server said: one that is no node may say anything.
    const figure = (name: string): string => cellOf(stats[name]);
    const head =
      `${this.#api.url}  published ${wholeOf(stats['messages_per_sec'])}/s  ` +
      `messages ${figure('total_messages')}  topics ${figure('active_topics')}  ` +
      `subscribers ${figure('active_subscribers')}  up ${wholeOf(stats['uptime_seconds'])} s`;
    const column = this.#view.columns[this.#sortAt]?.title ?? '';
    const keys =
      this.#trouble === ''
        ? `${this.#view.name} by ${column}${this.#order === 'reversed' ? ', reversed' : ''}   [t s c n] [< > r] [q]`
        : printable(this.#trouble);
    const rest = this.#screen === null ? rows : rows.slice(0, this.#screen.size.rows);
    return [head, keys, ...new Table(this.#view.columns).lines(rest)];
  }

  #press(key: string): void {
    const view = TOP_VIEWS.find((each) => each.key === key);
    const { length } = this.#view.columns;
    if (key === 'q') this.#quit.abort();
    else if (key === 'r') this.#order = this.#order === 'reversed' ? 'greatest first' : 'reversed';
    else if (key === '>' || key === 'right') this.#sortAt = (this.#sortAt + 1) % length;
    else if (key === '<' || key === 'left') this.#sortAt = (this.#sortAt + length - 1) % length;
    else if (view !== undefined && view !== this.#view) this.#turnTo(view);
    else return;
    this.#show();
  }

  /** Its rows come with the next look. */
  #turnTo(view: TopView): void {
    this.#view = view;
    this.#rates = new GrowthRates(view);
    this.#sortAt = firstSort(view);
    this.#order = 'greatest first';
    if (this.#look !== null) this.#look = { ...this.#look, rows: [] };
  }
}

function wholeOf(figure: unknown): string {
  return typeof figure === 'number' ? String(Math.round(figure)) : '-';
}

function firstSort({ columns, sortedBy }: TopView): number {
  return Math.max(
    0,
    columns.findIndex(({ title }) => title === sortedBy),
  );
}
