/**
 * Whether the log takes appends now, and why not: what its sessions and PostgreSQL's errors say. Where the
 * database refuses them it is looked at every second, so that it is known when that is over.
 */
import type { LogRefusal } from './log-refusal.js';
import { LOG_READ_ONLY, LOG_UNREACHABLE } from './log-refusal.js';
import type { LogState } from './message-log.js';

const LOOK_MS = 1_000;

export interface LogConditionOptions {
  isWritable: () => Promise<boolean>;
  hasRoom: () => Promise<boolean>;
  /** What is appended fails at once; null: no more. */
  refuse: (refusal: LogRefusal | null) => void;
  onChanged: (state: LogState, detail: string) => void;
  onTrouble: (what: string, error: unknown) => void;
}

export class LogCondition {
  readonly #options: LogConditionOptions;
  #state: LogState = 'connecting';
  #look: NodeJS.Timeout | null = null;

  constructor(options: LogConditionOptions) {
    this.#options = options;
  }

  get state(): LogState {
    return this.#state;
  }

  opened(): void {
    this.#endLook();
    this.#changed('open', 'connected');
    this.#options.refuse(null);
  }

  down(detail: string): void {
    this.#changed('lost', detail);
    this.#options.refuse(LOG_UNREACHABLE);
  }

  readOnly(detail: string): void {
    this.#lookUntil('read_only', this.#options.isWritable);
    this.#changed('read_only', detail);
    this.#options.refuse(LOG_READ_ONLY);
  }

  /** Appends are tried all the same: a small one may find room. */
  full(detail: string): void {
    if (this.#state !== 'open') return;
    this.#lookUntil('full', this.#options.hasRoom);
    this.#changed('full', detail);
  }

  close(): void {
    this.#state = 'closed';
    this.#endLook();
  }

  #lookUntil(state: LogState, isOver: () => Promise<boolean>): void {
    if (this.#state === state) return;
    this.#endLook();
    this.#look = setInterval(() => {
      isOver().then(
        (yes) => {
          if (yes && this.#state === state) this.opened();
        },
        (error: unknown) =>
          this.#options.onTrouble('looking whether appends are taken again', error),
      );
    }, LOOK_MS);
  }

  #endLook(): void {
    if (this.#look !== null) clearInterval(this.#look);
    this.#look = null;
  }

  #changed(state: LogState, detail: string): void {
    if (this.#state === 'closed' || this.#state === state) return;
    this.#state = state;
    this.#options.onChanged(state, detail);
  }
}
