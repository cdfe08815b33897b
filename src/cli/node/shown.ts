/** How what a node answers is shown: lists and objects, for people and as JSON. */
import type { AskedCommand, LineOptions } from '../line/command.js';
import type { Shell } from '../terminal/shell.js';
import { type Column, memberLines, Table } from '../terminal/table.js';
import { type ApiAnswer, NodeApi, type PageOptions } from './node-api.js';
import { type NodeTarget, targetOf } from './target.js';

/** Of every list. */
export const LIMIT_OPTION = {
  kind: 'integer',
  min: 1,
  max: 1_000_000_000,
  text: 'At most so many; all without it.',
} as const;

/** What a command that talks to a node was asked with. */
export type NodeAsked = Pick<AskedCommand<LineOptions>, 'options' | 'shell'>;

/** By --url and --context, which all of them take, else by the environment. */
export function targetOfAsked({ options, shell }: NodeAsked): NodeTarget {
  const text = (name: string): string | null => {
    const value = options[name];
    return typeof value === 'string' ? value : null;
  };
  return targetOf(shell.env, { url: text('url'), context: text('context') });
}

export function apiOf(asked: NodeAsked): NodeApi {
  return new NodeApi(targetOfAsked(asked), asked.shell.version);
}

/** Each page as it comes. Resolves with how many there were. */
export async function showList(
  api: NodeApi,
  pages: PageOptions,
  { shell, columns }: { shell: Shell; columns: readonly Column[] },
): Promise<number> {
  const table = new Table(columns);
  let shown = 0;
  for await (const items of api.pages(pages)) {
    shown += items.length;
    if (shell.mode === 'json') for (const { text } of items) shell.printJson(text);
    else {
      const lines = table.lines(items.map(({ row }) => row));
      if (shown > 0) shell.print(lines.join('\n'));
    }
  }
  if (shown === 0 && shell.mode === 'people') shell.complain('there is none');
  return shown;
}

/** One object, a line for each member. */
export function showOne(shell: Shell, { text, body }: ApiAnswer): void {
  if (shell.mode === 'json') shell.printJson(text);
  else shell.print(memberLines(body).join('\n'));
}

/** What was done, where the node answers nothing. */
export function showDone(shell: Shell, done: Readonly<Record<string, unknown>>): void {
  if (shell.mode === 'json') shell.printJson(JSON.stringify(done));
  else
    shell.print(
      Object.entries(done)
        .map(([verb, what]) => `${verb} ${String(what)}`)
        .join('\n'),
    );
}

export function segment(name: string): string {
  return encodeURIComponent(name);
}
