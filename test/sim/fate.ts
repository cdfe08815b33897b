/** What the model of a cursor remembers of one message. */
export interface Fate {
  state: 'pending' | 'acked' | 'dead';
  failures: number;
  redriven: boolean;
  holder: string | null;
  /** Sessions, and the place among everything sent at which each was last sent it. */
  hadBy: Map<string, number>;
  sentAtMs: number;
  /** Place among everything sent. */
  order: number;
  extendedUntilMs: number;
  /** Not to be sent before; must be ready after. */
  due: [earliest: number, latest: number];
}

export function fateOf(known: Partial<Fate>): Fate {
  const fate = { state: 'pending', failures: 0, redriven: false } as const;
  const unsent = { sentAtMs: 0, order: 0, extendedUntilMs: 0, holder: null };
  return { ...fate, due: [0, 0], ...known, ...unsent, hadBy: new Map() };
}
