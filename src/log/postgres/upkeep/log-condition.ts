/**
 * Whether the log takes appends now, and why not: what its sessions and PostgreSQL's errors say. Where the
 * database refuses them it is looked at every second, so that it is known when that is over.
 */
import type { LogState } from '../../../core/log-figures.js';
import type { LogRefusal } from '../../contract/log-refusal.js';
import { LOG_READ_ONLY, LOG_UNREACHABLE } from '../../contract/log-refusal.js';
import type { SessionPool } from '../session/lent-session.js';
import { isFree } from './lock-check.js';
import { hasRoom } from './room-check.js';
import { checkSchema, type SchemaState } from './schema-check.js';

const LOOK_MS = 1_000;
/** A schema changes by accident, and seldom. */
const SCHEMA_LOOK_MS = 5_000;

export interface LogConditionOptions {
  isWritable: () => Promise<boolean>;
  /** For the looks. */
  db: SessionPool;
  /** What is appended fails at once; null: no more. */
  refuse: (refusal: LogRefusal | null) => void;
  onChanged: (state: LogState, detail: string) => void;
  onTrouble: (what: string, error: unknown) => void;
}

export class LogCondition {
  readonly #options: LogConditionOptions;
  #state: LogState = 'connecting';
  #look: NodeJS.Timeout | null = null;
  #schemaLook: NodeJS.Timeout | null = null;
  #examination: 'none' | 'under way' = 'none';

  constructor(options: LogConditionOptions) {
    this.#options = options;
  }

  get state(): LogState {
    return this.#state;
  }

  opened(): void {
    this.#endLook();
    this.#schemaLook ??= setInterval(() => this.examine(), SCHEMA_LOOK_MS);
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
    this.#lookUntil('full', () => hasRoom(this.#options.db));
    this.#changed('full', detail);
  }

  /** Appends are tried all the same, each for a moment. */
  locked(detail: string): void {
    if (this.#state !== 'open') return;
    this.#lookUntil('locked', () => isFree(this.#options.db));
    this.#changed('locked', detail);
  }

  /** Looks at the schema: an error said that a part of it is missing, or it is time. */
  examine(): void {
    if (this.#state !== 'open' || this.#examination === 'under way') return;
    this.#examination = 'under way';
    const { db, onTrouble } = this.#options;
    checkSchema(db)
      .then(
        (schema) => this.#schemaIs(schema),
        (error: unknown) => onTrouble('looking at the schema', error),
      )
      .finally(() => {
        this.#examination = 'none';
      });
  }

  close(): void {
    this.#state = 'closed';
    this.#endLook();
    if (this.#schemaLook !== null) clearInterval(this.#schemaLook);
  }

  /** Appends are tried all the same: they may need none of what is missing. */
  #schemaIs(schema: SchemaState): void {
    if (this.#state !== 'open' || schema === 'whole') return;
    this.#lookUntil(schema, async () => (await checkSchema(this.#options.db)) === 'whole');
    this.#changed(schema, 'the schema is not what the migrations made');
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
