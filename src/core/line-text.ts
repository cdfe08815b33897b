/** Text of a stranger, made fit for one line of whatever shows it. */

/** Control characters, what turns the direction of writing, halves of pairs, what is no character. */
const UNFIT = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** The first `max` UTF-16 units of it, with an escape in place of whatever is not shown as itself. */
export function lineText(text: string, max: number): string {
  const escaped = (char: string): string => `\\u{${char.codePointAt(0)?.toString(16)}}`;
  return text.slice(0, max).replace(UNFIT, escaped);
}
