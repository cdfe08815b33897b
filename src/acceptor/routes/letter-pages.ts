/**
 * Pages of dead letters, in id order, merged from all who have some. Their texts are bytes that are sent as
 * they are: a page of payloads is neither parsed nor written anew on this thread.
 */
import type { DeadLetterFilter } from '../../core/dead-letter-record.js';
import type { LetterTexts } from '../../thread/calls.js';
import type { LogReads } from './log-reads.js';

const SEQUENCE_MAX = Number.MAX_SAFE_INTEGER;

export interface LetterRange {
  after: number;
  limit: number;
  /** Each text is a line; else they are values of JSON. */
  lines: boolean;
}

export interface LetterPage {
  texts: Uint8Array[];
  /** What to go on after; null: that was all. */
  next: number | null;
}

interface Letter {
  id: number;
  text: Uint8Array;
}

export async function readLetters(
  browsing: LogReads,
  filter: DeadLetterFilter,
  { after, limit, lines }: LetterRange,
): Promise<LetterPage> {
  const args = { ...filter, after, limit, lines };
  const pages = await browsing.all('dead-letters.list', args);
  const all = pages.flatMap(lettersOf).sort((a, b) => a.id - b.id);
  // What a cut page did not give may come before what another gave.
  const cut = pages.flatMap(({ more, ids }) => (more ? [ids.at(-1) ?? after] : []));
  const letters = all.filter(({ id }) => id <= Math.min(...cut, SEQUENCE_MAX)).slice(0, limit);
  const isAll = cut.length === 0 && letters.length === all.length;
  const next = isAll ? null : (letters.at(-1)?.id ?? null);
  return { texts: letters.map(({ text }) => text), next };
}

function lettersOf({ ids, ends, body }: LetterTexts): Letter[] {
  return ids.map((id, n) => ({ id, text: body.subarray(n === 0 ? 0 : ends[n - 1], ends[n]) }));
}
