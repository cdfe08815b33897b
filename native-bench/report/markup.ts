/** Text as it may stand between the tags of HTML and of SVG. */

/** XML knows no way to write these: control characters and halves of a surrogate pair. */
const UNWRITABLE = /[\p{Cc}\p{Cs}]/gu;

export function escaped(text: string): string {
  return text
    .replaceAll(UNWRITABLE, ' ')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}
