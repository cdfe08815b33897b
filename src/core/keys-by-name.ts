/**
 * The keys of topics that principals remember by name: a publisher names the same few topics over and over,
 * and none of it is to cost a new string. Who asks may name any topic, with any of many API keys, so one
 * bound is for all principals of a thread: at it, whoever began longest ago forgets all of his.
 */
import type { TopicKey } from './topic-key.js';

/** Some 30 MiB, were all names as long as they can be. */
const NAMES_MAX = 32_768;

/** Those that remember something, who began longest ago first. */
const remembering = new Set<KeysByName>();
let names = 0;

export class KeysByName {
  readonly #keys = new Map<string, TopicKey>();

  get(name: string): TopicKey | undefined {
    return this.#keys.get(name);
  }

  /** Of a name that is not remembered. */
  add(name: string, key: TopicKey): void {
    if (names >= NAMES_MAX) forgetOldest();
    remembering.add(this);
    this.#keys.set(name, key);
    names++;
  }

  /** How many were forgotten. */
  clear(): number {
    const { size } = this.#keys;
    this.#keys.clear();
    return size;
  }
}

/** Of all principals of this thread: for tests of the bound. */
export function namesRemembered(): number {
  return names;
}

function forgetOldest(): void {
  for (const oldest of remembering) {
    remembering.delete(oldest);
    names -= oldest.clear();
    return;
  }
}
