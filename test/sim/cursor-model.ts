/**
 * What a subscription owes, as simply as it can be said: per sequence how often it failed, who had
 * it, and how it ended. It is told what happens, answers what the cursor must answer, and throws when
 * something was sent or failed that must not.
 */
export interface Fate {
  state: 'pending' | 'acked' | 'dead';
  failures: number;
  redriven: boolean;
  holder: string | null;
  hadBy: Set<string>;
  sentAtMs: number;
  /** Place among everything sent. */
  order: number;
  extendedUntilMs: number;
  /** Not to be sent before; must be ready after. */
  due: [earliest: number, latest: number];
}

const NEW = { state: 'pending', failures: 0, redriven: false, holder: null } as const;
const UNSENT = { sentAtMs: 0, order: 0, extendedUntilMs: 0 };

export class CursorModel {
  fates = new Map<number, Fate>();
  /** Verdicts by session: the order of what was settled, and when. */
  #settled = new Map<string, { order: number; atMs: number }[]>();
  #saved = new Map<number, Fate>();
  #orders = 0;
  readonly keyOf: (sequence: number) => string | null;

  constructor(keyOf: (sequence: number) => string | null) {
    this.keyOf = keyOf;
  }

  of(sequence: number): Fate {
    const known = this.fates.get(sequence);
    if (known !== undefined) return known;
    const fate: Fate = { ...NEW, ...UNSENT, hadBy: new Set(), due: [0, 0] };
    this.fates.set(sequence, fate);
    return fate;
  }

  sent(sequence: number, session: string, nowMs: number): void {
    const fate = this.of(sequence);
    if (fate.state !== 'pending') throw new Error(`${sequence} sent, is ${fate.state}`);
    if (fate.holder !== null) throw new Error(`${sequence} sent, ${fate.holder} has it`);
    if (nowMs < fate.due[0]) throw new Error(`${sequence} sent at ${nowMs}, due ${fate.due[0]}`);
    const key = this.keyOf(sequence);
    for (const [other, { state, redriven, holder }] of this.fates) {
      if (key === null || other === sequence || this.keyOf(other) !== key) continue;
      if (holder !== null) throw new Error(`${sequence} sent, ${other} of its key is in flight`);
      if (redriven || fate.redriven || other > sequence || state !== 'pending') continue;
      throw new Error(`${sequence} sent before ${other} of its key`);
    }
    fate.hadBy.add(session);
    Object.assign(fate, { holder: session, sentAtMs: nowMs, extendedUntilMs: 0 });
    fate.order = ++this.#orders;
  }

  settledAt(session: string, sequence: number, nowMs: number): void {
    const marks = this.#settled.get(session) ?? [];
    marks.push({ order: this.of(sequence).order, atMs: nowMs });
    this.#settled.set(session, marks);
  }

  /** Last verdict of its holder on something sent before it; `isAny`: on anything. */
  progress(sequence: number, isAny: boolean): number {
    const { holder, order } = this.of(sequence);
    const marks = this.#settled.get(holder ?? '') ?? [];
    const earlier = marks.filter((mark) => isAny || mark.order < order);
    return Math.max(0, ...earlier.map(({ atMs }) => atMs));
  }

  failed(sequence: number, due: [number, number]): number {
    const fate = this.of(sequence);
    if (fate.state !== 'pending') throw new Error(`${sequence} failed, is ${fate.state}`);
    if (fate.holder === null) throw new Error(`${sequence} failed, nobody has it`);
    Object.assign(fate, { holder: null, due });
    return ++fate.failures;
  }

  end(sequence: number, state: 'acked' | 'dead'): void {
    const fate = this.of(sequence);
    if (fate.state !== 'pending') throw new Error(`${sequence} ends twice`);
    Object.assign(fate, { state, holder: null });
  }

  /** Its dead letter, which is stored, comes back. */
  redrive(sequence: number): void {
    const fate: Fate = { ...NEW, ...UNSENT, hadBy: new Set(), due: [0, 0], redriven: true };
    this.fates.set(sequence, fate);
    this.#saved.set(sequence, copyOf(fate));
  }

  save(): void {
    this.#saved = new Map([...this.fates].map(([sequence, fate]) => [sequence, copyOf(fate)]));
  }

  crash(): void {
    this.fates = this.#saved;
    this.save();
    this.#settled.clear();
  }
}

function copyOf(fate: Fate): Fate {
  return { ...fate, holder: null, hadBy: new Set() };
}
