/** A whole run as data. */
import type { Code, Machine } from '../machine.js';
import type { Mode, Outcome } from '../runner.js';

/** Of the methodology: native-bench/CHANGELOG.md. */
export const METHOD = 1;

export interface Report {
  method: number;
  /** ISO 8601. */
  startedAt: string;
  command: string;
  mode: Mode;
  machine: Machine;
  code: Code;
  outcomes: readonly Outcome[];
}
