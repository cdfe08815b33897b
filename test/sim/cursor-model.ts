/**
 * What a subscription owes: per sequence how often it failed, who had it, how it ended. It is told what
 * happens, and throws when something is sent, fails or ends that must not.
 */
import { type Fate, fateOf } from './fate.js';

export class CursorModel {
  fates = new Map<number, Fate>();
  /** Verdicts by session: the order of what was settled, and when. */
  #settled = new Map<string, { order: number; atMs: number }[]>();
  #saved = new Map<number, Fate>();
  #orders = 0;

  constructor(readonly keyOf: (sequence: number) => string | null) {}

  of(sequence: number): Fate {
    const fate = this.fates.get(sequence) ?? fateOf({});
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
    Object.assign(fate, { holder: session, sentAtMs: nowMs, extendedUntilMs: 0 });
    fate.order = ++this.#orders;
    fate.hadBy.set(session, fate.order);
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
    if (fate.holder === null) throw new Error(`${sequence} failed, nobody has it`);
    Object.assign(fate, { holder: null, due });
    return ++fate.failures;
  }

  end(sequence: number, state: 'acked' | 'dead'): void {
    const fate = this.of(sequence);
    if (fate.state !== 'pending') throw new Error(`${sequence} ends twice`);
    Object.assign(fate, { state, holder: null });
  }

  /** What the log has lost up to here: what nobody holds, but dead letters that came back. */
  lose(upTo: number): number[] {
    const lost: number[] = [];
    for (const [sequence, { state, redriven, holder }] of this.fates) {
      if (sequence > upTo || state !== 'pending' || redriven || holder !== null) continue;
      this.end(sequence, 'acked');
      lost.push(sequence);
    }
    return lost;
  }

  /** Up to here nothing more is owed but dead letters that came back. */
  passOver(upTo: number): void {
    for (const [sequence, { state, redriven }] of this.fates) {
      if (sequence <= upTo && state === 'pending' && !redriven) this.end(sequence, 'acked');
    }
  }

  /** All after `sequence` begins anew, what is under way up to there does not come back. */
  seek(sequence: number): void {
    for (const [one, fate] of this.fates) {
      if (one > sequence) this.fates.delete(one);
      else if (fate.state === 'pending') this.end(one, fate.redriven ? 'dead' : 'acked');
    }
    for (const mark of [...this.#settled.values()].flat()) mark.order = Number.POSITIVE_INFINITY;
  }

  /** Its dead letter, which is stored, comes back. */
  redrive(sequence: number): void {
    for (const fates of [this.fates, this.#saved]) fates.set(sequence, fateOf({ redriven: true }));
  }

  save(): void {
    this.#saved = new Map([...this.fates].map(([sequence, fate]) => [sequence, fateOf(fate)]));
  }

  crash(): void {
    this.fates = this.#saved;
    this.save();
    this.#settled.clear();
  }
}
