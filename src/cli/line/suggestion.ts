/** What somebody meant who wrote a word that is not known. */
import { editDistance } from '../../config/near-miss.js';

const WORD_CHARS_MAX = 40;

/** `; did you mean X?`, or '' when nothing is near. */
export function suggestion(word: string, known: readonly string[]): string {
  if (word.length > WORD_CHARS_MAX) return '';
  const begun = known.filter((name) => word.length > 1 && name.startsWith(word));
  const [nearest] = known
    .map((name) => ({ name, distance: editDistance(word, name) }))
    .sort((a, b) => a.distance - b.distance);
  const near = nearest !== undefined && nearest.distance <= Math.max(1, word.length / 3);
  const meant = begun[0] ?? (near ? nearest.name : undefined);
  return meant === undefined ? '' : `; did you mean ${meant}?`;
}
