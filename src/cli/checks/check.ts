/** One thing that was looked at, and what it came to. */
export interface Check {
  readonly check: string;
  readonly state: 'ok' | 'warning' | 'failed' | 'skipped';
  /** One line, without a secret. */
  readonly detail: string;
  /** What to do; null: nothing. */
  readonly advice: string | null;
}

export function ok(check: string, detail: string): Check {
  return { check, state: 'ok', detail, advice: null };
}

export function skipped(check: string, detail: string): Check {
  return { check, state: 'skipped', detail, advice: null };
}

export function warning(check: string, detail: string, advice: string): Check {
  return { check, state: 'warning', detail, advice };
}

export function failed(check: string, detail: string, advice: string): Check {
  return { check, state: 'failed', detail, advice };
}

/** What was thrown, on one line. */
export function wordsOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] || 'an error without words';
}
