/**
 * What a client calls itself, for people who look at sessions: nothing hangs on it. Names are strangers'
 * texts; they are kept fit for one line, and once for all sessions of the same client.
 */
import { lineText } from './line-text.js';

/** Of either text, in UTF-16 units. */
export const CLIENT_CHARS_MAX = 64;
/** As many are kept for others; then they are forgotten. */
const KNOWN_MAX = 256;

export interface ClientName {
  readonly name: string;
  /** Null: it did not say. */
  readonly version: string | null;
}

const known = new Map<string, ClientName>();

/** `name` and `version`: of CLIENT_CHARS_MAX at most, which whoever read them has looked at. */
export function clientName(name: string, version: string | null): ClientName {
  const key = `${name}\n${version ?? ''}`;
  const before = known.get(key);
  if (before !== undefined) return before;
  const made = { name: fit(name), version: version === null ? null : fit(version) };
  if (known.size >= KNOWN_MAX) known.clear();
  known.set(key, made);
  return made;
}

function fit(text: string): string {
  return lineText(text, CLIENT_CHARS_MAX);
}
