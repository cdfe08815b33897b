/**
 * Changes of API keys and logins on their way to the threads that remember them: what comes alone is told at
 * once, what comes in numbers is told together, so many changes are few messages, whoever makes them.
 */
import { isApiKeyId, isLoginId } from '../core/api-key.js';

/** Between two messages. */
const TOGETHER_MS = 50;
/** In one; of more any key may have changed. */
const IDS_MAX = 10_000;
/** No id has more; a notification may. */
const ID_CHARS_MAX = 64;

/** Null: any may have changed. */
export type ChangedKeys = readonly string[] | null;

export class KeyChanges {
  readonly #tell: (ids: ChangedKeys) => void;
  #ids = new Set<string>();
  #which: 'some' | 'any' = 'some';
  #timer: NodeJS.Timeout | null = null;

  constructor(tell: (ids: ChangedKeys) => void) {
    this.#tell = tell;
  }

  changed(ids: ChangedKeys): void {
    if (ids === null) this.#which = 'any';
    else for (const id of ids) this.#add(id);
    if (this.#timer === null) this.#tellAll();
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /** What can be the id of none is nobody's. */
  #add(id: string): void {
    if (this.#which === 'any' || id.length > ID_CHARS_MAX) return;
    if (!isApiKeyId(id) && !isLoginId(id)) return;
    this.#ids.add(id);
    if (this.#ids.size > IDS_MAX) this.#which = 'any';
  }

  #tellAll(): void {
    this.#timer = null;
    const ids = this.#which === 'any' ? null : [...this.#ids];
    this.#ids = new Set();
    this.#which = 'some';
    if (ids?.length === 0) return;
    this.#timer = setTimeout(() => this.#tellAll(), TOGETHER_MS);
    this.#tell(ids);
  }
}
