/**
 * Who looks, as the page's first script has asked before the others were there: the page waits for both at
 * once, and not for one after the other.
 */

declare global {
  interface Window {
    conduitSession?: Promise<string | null>;
  }
}

const ASKED = 'GET /api/session';

/** The text of the answer, for who asks first; null: to be asked for. */
export async function takeBegun(line: string): Promise<string | null> {
  if (line !== ASKED || window.conduitSession === undefined) return null;
  const begun = window.conduitSession;
  delete window.conduitSession;
  return begun;
}
