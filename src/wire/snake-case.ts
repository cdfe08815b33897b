/** Names of the code as JSON has them, for what is told member by member: figures. */
import { snakeCase } from '../core/snake-case.js';

/** `hot_cache_bytes` of `hotCacheBytes`. */
export type SnakeCase<Name extends string> = Name extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? First : `_${Lowercase<First>}`}${SnakeCase<Rest>}`
  : Name;

export type SnakeMembers<T> = { [K in keyof T & string as SnakeCase<K>]: T[K] };

/** The same values under these names. */
export function snakeMembers<T extends object>(of: T): SnakeMembers<T> {
  const named = Object.entries(of).map(([name, value]) => [snakeCase(name), value]);
  return Object.fromEntries(named) as SnakeMembers<T>;
}
