/**
 * JSON whose numbers are shown as they were sent: 12345678901234567890 and 1e999 are no numbers of a page,
 * and would be shown as something else. Browsers that cannot tell a number's text show what they make of
 * it.
 */

/** A number that a page cannot hold. */
export class ExactNumber {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Reviver = (
  this: unknown,
  key: string,
  value: unknown,
  context?: { source?: string },
) => unknown;

const exact: Reviver = (_key, value, context) => {
  const source = context?.source;
  if (typeof value !== 'number' || source === undefined || String(value) === source) return value;
  return new ExactNumber(source);
};

export function parseJson(text: string): unknown {
  return JSON.parse(text, exact as (key: string, value: unknown) => unknown);
}

/** JSON text, indented by two; one line when `shape` says so. */
export function jsonText(value: unknown, shape: 'indented' | 'line' = 'indented'): string {
  return textOf(value, shape === 'line' ? null : '\n');
}

function textOf(value: unknown, line: string | null): string {
  if (value instanceof ExactNumber) return value.text;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  const inner = line === null ? null : `${line}  `;
  const parts = Array.isArray(value)
    ? value.map((one) => textOf(one, inner))
    : Object.entries(value).map(
        ([name, one]) => `${JSON.stringify(name)}:${line === null ? '' : ' '}${textOf(one, inner)}`,
      );
  if (parts.length === 0) return open + close;
  return line === null
    ? open + parts.join(',') + close
    : `${open}${inner}${parts.join(`,${inner}`)}${line}${close}`;
}
