/**
 * Pages of dead letters, in id order, merged from all who have some. Their texts are bytes that are sent as
 * they are: a page of payloads is neither parsed nor written anew on this thread.
 */
import type { Within } from '../../core/topic-key.js';
import type { Browsing } from './browsing.js';

const SEQUENCE_MAX = Number.MAX_SAFE_INTEGER;
const COMMA = Buffer.from(',');

export interface LetterFilter {
  within: Within;
  subscription: string | null;
  ids: number[] | null;
}

export interface LetterRange {
  after: number;
  limit: number;
  /** Each text is a line; else they are parts of a JSON array. */
  lines: boolean;
}

export interface LetterPage {
  count: number;
  /** The texts, one behind the other. */
  body: Uint8Array;
  /** What to go on after; null: that was all. */
  next: number | null;
}

/** As log/contract/dead-letter-view.ts gives it. */
interface Texts {
  ids: number[];
  ends: number[];
  more: boolean;
}

interface Letter {
  id: number;
  text: Uint8Array;
}

export async function letterPage(
  browsing: Browsing,
  filter: LetterFilter,
  { after, limit, lines }: LetterRange,
): Promise<LetterPage> {
  const args = { ...filter, after, limit, lines };
  const pages = await browsing.all<Texts>('dead-letters.list', args);
  const all = pages
    .flatMap(({ result, body }) => lettersOf(result, body))
    .sort((a, b) => a.id - b.id);
  // What a cut page did not give may come before what another gave.
  const cut = pages.flatMap(({ result: { more, ids } }) => (more ? [ids.at(-1) ?? after] : []));
  const letters = all.filter(({ id }) => id <= Math.min(...cut, SEQUENCE_MAX)).slice(0, limit);
  const isAll = cut.length === 0 && letters.length === all.length;
  const next = isAll ? null : (letters.at(-1)?.id ?? null);
  return { count: letters.length, body: join(letters, lines), next };
}

function lettersOf({ ids, ends }: Texts, body: Uint8Array): Letter[] {
  return ids.map((id, n) => ({ id, text: body.subarray(n === 0 ? 0 : ends[n - 1], ends[n]) }));
}

function join(letters: readonly Letter[], lines: boolean): Uint8Array {
  if (lines) return Buffer.concat(letters.map(({ text }) => text));
  return Buffer.concat(letters.flatMap(({ text }, n) => (n === 0 ? [text] : [COMMA, text])));
}
