/**
 * Text of a stranger, made fit for one line of an error or a log: cut short, in double quotes, every
 * character outside printable ASCII written as an escape.
 */
const SHOWN_MAX = 40;

/** At most `SHOWN_MAX` UTF-16 units of `text`, quoted and escaped; `...` after the quote: it was cut. */
export function quoteShort(text: string): string {
  const cut = text.length > SHOWN_MAX;
  const quoted = JSON.stringify(cut ? text.slice(0, SHOWN_MAX) : text);
  let safe = '';
  for (let at = 0; at < quoted.length; at++) {
    const unit = quoted.charCodeAt(at);
    safe += unit < 0x7f ? quoted.charAt(at) : `\\u${unit.toString(16).padStart(4, '0')}`;
  }
  return cut ? `${safe}...` : safe;
}
