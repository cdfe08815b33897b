/** Where in a topic to begin, as somebody types it. */
import { wrongLine } from '../terminal/failure.js';

const SEQUENCE = /^\d{1,16}$/;
const TIME = /^\d{4}-\d\d-\d\dT/;

export type TypedStart =
  | { from: 'latest' | 'earliest' }
  | { from: 'sequence'; sequence: number }
  | { from: 'time'; time: string };

/** Throws CommandFailure (2), which names `of`. */
export function startOfText(text: string, of: string): TypedStart {
  if (text === 'latest' || text === 'earliest') return { from: text };
  if (SEQUENCE.test(text)) return { from: 'sequence', sequence: Number(text) };
  if (TIME.test(text) && !Number.isNaN(Date.parse(text))) return { from: 'time', time: text };
  throw wrongLine(`${of} is latest, earliest, a sequence, or a time such as 2026-11-23T10:30:00Z`);
}
