/** A message that was given up, as the store has it, and which of them are meant. */
import type { LogRow } from './message.js';
import type { Within } from './topic-key.js';

export type DeadLetterReason = 'max_deliver' | 'rejected';

export interface DeadLetterRecord {
  id: number;
  topicId: number;
  topic: string;
  /** null: of an ephemeral subscription; its session then. */
  subscription: string | null;
  subscriptionId: number | null;
  session: string | null;
  row: LogRow;
  reason: DeadLetterReason;
  attempts: number;
  firstFailedAtMs: number;
  lastFailedAtMs: number;
  lastError: string | null;
  redrivenCount: number;
  /** Given back to its subscription and not settled there yet. */
  redriven: boolean;
}

/** Which dead letters; what is not null narrows. Redriven ones only when named by id. */
export interface DeadLetterFilter {
  within: Within;
  subscription: string | null;
  /** At most 1,000. */
  ids: readonly number[] | null;
}
