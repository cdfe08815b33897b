/**
 * Which topics a key is for: exact names, and `orders.*` for every name below `orders.`, at any depth, but
 * not `orders` itself. Pure.
 */
import { isName } from './topic-name.js';

const BELOW = '.*';

/** Whether it is a pattern; `bytesMax` of the name in it. */
export function isTopicPattern(text: string, bytesMax: number): boolean {
  return isName(isBelow(text) ? text.slice(0, -BELOW.length) : text, bytesMax);
}

/** `name` is a topic's name, or the beginning of one that ends in a dot. */
export function fitsPattern(pattern: string, name: string): boolean {
  if (!isBelow(pattern)) return pattern === name;
  return name.length > prefixOf(pattern).length && name.startsWith(prefixOf(pattern));
}

/** Whether all names that begin with `prefix` fit. */
export function coversPrefix(pattern: string, prefix: string): boolean {
  return isBelow(pattern) && prefix.startsWith(prefixOf(pattern));
}

/** Whether all names that fit `other` fit `pattern`. */
export function coversPattern(pattern: string, other: string): boolean {
  return isBelow(other) ? coversPrefix(pattern, prefixOf(other)) : fitsPattern(pattern, other);
}

function isBelow(pattern: string): boolean {
  return pattern.endsWith(BELOW);
}

/** `orders.` of `orders.*`. */
function prefixOf(pattern: string): string {
  return pattern.slice(0, -1);
}
