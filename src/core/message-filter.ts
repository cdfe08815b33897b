/**
 * A filter of messages: `payload.amount > 50 && key == "eu"`. A small language of its own, read into a tree
 * and walked; no text of anybody is ever run. Bounded in length, depth and parts, so that one look at a
 * message takes a bounded number of steps.
 *
 * Operands are values (`12.5`, `"text"`, `true`, `false`, `null`) and places: `key`, `payload`, `headers`,
 * with `.name`, `[0]` or `["any name"]` behind them. What is not there is null. `==` and `!=` compare
 * values of any kind, each other kind being unequal; `<`, `<=`, `>`, `>=` two numbers or two texts, and are
 * false of all else. `contains(a, b)`: the text, or the list, a has b in it. `!`, `&&`, `||` and
 * parentheses as everywhere; alone, a place says whether something is there that is not false.
 */
import { badFilter, type FilterSign, type FilterToken, filterTokens } from './filter-tokens.js';

/** Parentheses and `!` within one another. */
const DEPTH_MAX = 32;
/** Of one filter: a look takes as many steps at most. */
const PARTS_MAX = 128;

type Root = 'payload' | 'key' | 'headers';
type Compare = '==' | '!=' | '<' | '<=' | '>' | '>=';

type Part =
  | { is: 'value'; value: unknown }
  | { is: 'place'; root: Root; steps: readonly (string | number)[] }
  | { is: 'not'; of: Part }
  | { is: 'both' | 'either' | 'contains'; left: Part; right: Part }
  | { is: 'compare'; by: Compare; left: Part; right: Part };

/** What is looked at. `payload` and `headers`: as JSON.parse gives them. */
export type Filtered = Readonly<Record<Root, unknown>>;

export interface MessageFilter {
  /** What of a message it asks for: whatever else need not be read. */
  readonly roots: ReadonlySet<Root>;
  readonly test: (message: Filtered) => boolean;
}

const COMPARES: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>=']);
const ROOTS: ReadonlySet<string> = new Set(['payload', 'key', 'headers']);
const CONSTANTS = new Map<string, unknown>([
  ['true', true],
  ['false', false],
  ['null', null],
]);

/** Throws `invalid_query` of the field `filter`, which says at which character, from 1. */
export function messageFilter(text: string): MessageFilter {
  const reader = new FilterReader(filterTokens(text));
  const whole = reader.whole();
  return { roots: reader.roots, test: (message) => isSo(operandOf(whole, message)) };
}

class FilterReader {
  readonly roots = new Set<Root>();
  readonly #tokens: readonly FilterToken[];
  #at = 0;
  #depth = 0;
  #parts = 0;

  constructor(tokens: readonly FilterToken[]) {
    this.#tokens = tokens;
  }

  whole(): Part {
    const part = this.#either();
    const { kind, at } = this.#token;
    if (kind !== 'end') throw badFilter(at, 'expected && or ||, or the end');
    return part;
  }

  get #token(): FilterToken {
    const last = { kind: 'end', at: 0 } as const;
    return this.#tokens[this.#at] ?? this.#tokens.at(-1) ?? last;
  }

  /** Whether this sign is next; it is passed then. */
  #takes(sign: FilterSign): boolean {
    const token = this.#token;
    if (token.kind !== 'sign' || token.sign !== sign) return false;
    this.#at++;
    return true;
  }

  #need(sign: FilterSign): void {
    const { at } = this.#token;
    if (!this.#takes(sign)) throw badFilter(at, `expected ${sign}`);
  }

  #made(part: Part): Part {
    this.#parts++;
    if (this.#parts > PARTS_MAX) {
      throw badFilter(this.#token.at, `has more than ${PARTS_MAX} parts`);
    }
    return part;
  }

  #either(): Part {
    let left = this.#both();
    while (this.#takes('||')) left = this.#made({ is: 'either', left, right: this.#both() });
    return left;
  }

  #both(): Part {
    let left = this.#compared();
    while (this.#takes('&&')) left = this.#made({ is: 'both', left, right: this.#compared() });
    return left;
  }

  #compared(): Part {
    const left = this.#operand();
    const token = this.#token;
    if (token.kind !== 'sign' || !COMPARES.has(token.sign)) return left;
    this.#at++;
    return this.#made({ is: 'compare', by: token.sign as Compare, left, right: this.#operand() });
  }

  #operand(): Part {
    const token = this.#token;
    if (this.#takes('!')) return this.#deeper(token.at, () => this.#not());
    if (this.#takes('(')) return this.#deeper(token.at, () => this.#inner());
    if (token.kind === 'value') {
      this.#at++;
      return this.#made({ is: 'value', value: token.value });
    }
    if (token.kind === 'name') return this.#named(token);
    throw badFilter(token.at, 'expected a value, payload, key or headers');
  }

  #deeper(at: number, read: () => Part): Part {
    this.#depth++;
    if (this.#depth > DEPTH_MAX) throw badFilter(at, `is more than ${DEPTH_MAX} deep`);
    const part = read();
    this.#depth--;
    return part;
  }

  #not(): Part {
    return this.#made({ is: 'not', of: this.#operand() });
  }

  #inner(): Part {
    const part = this.#either();
    this.#need(')');
    return part;
  }

  #named({ name, at }: { name: string; at: number }): Part {
    this.#at++;
    if (CONSTANTS.has(name)) return this.#made({ is: 'value', value: CONSTANTS.get(name) });
    if (name === 'contains') return this.#deeper(at, () => this.#contains());
    if (!ROOTS.has(name)) {
      throw badFilter(at, 'expected a value, payload, key, headers or contains(…)');
    }
    const root = name as Root;
    this.roots.add(root);
    return this.#made({ is: 'place', root, steps: this.#steps() });
  }

  /** Between its operands stands a comma, which nothing else takes. */
  #contains(): Part {
    this.#need('(');
    const left = this.#either();
    this.#need(',');
    const right = this.#either();
    this.#need(')');
    return this.#made({ is: 'contains', left, right });
  }

  #steps(): (string | number)[] {
    const steps: (string | number)[] = [];
    for (;;) {
      if (this.#takes('.')) steps.push(this.#memberName());
      else if (this.#takes('[')) {
        steps.push(this.#index());
        this.#need(']');
      } else return steps;
      this.#made({ is: 'value', value: null });
    }
  }

  #memberName(): string {
    const token = this.#token;
    if (token.kind !== 'name') throw badFilter(token.at, 'expected the name of a member');
    this.#at++;
    return token.name;
  }

  #index(): string | number {
    const token = this.#token;
    if (token.kind !== 'value') throw badFilter(token.at, 'expected a number or a text');
    this.#at++;
    return token.value;
  }
}

function operandOf(part: Part, message: Filtered): unknown {
  switch (part.is) {
    case 'value':
      return part.value;
    case 'place':
      return placeIn(message[part.root], part.steps);
    case 'not':
      return !isSo(operandOf(part.of, message));
    case 'both':
      return isSo(operandOf(part.left, message)) && isSo(operandOf(part.right, message));
    case 'either':
      return isSo(operandOf(part.left, message)) || isSo(operandOf(part.right, message));
    case 'contains':
      return hasIn(operandOf(part.left, message), operandOf(part.right, message));
    default:
      return compares(part.by, operandOf(part.left, message), operandOf(part.right, message));
  }
}

/** Own members alone: what objects inherit is not in the message. */
function placeIn(root: unknown, steps: readonly (string | number)[]): unknown {
  let at = root;
  for (const step of steps) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return null;
    if (Array.isArray(at) && typeof step !== 'number') return null;
    at = (at as Record<string | number, unknown>)[step];
  }
  return at ?? null;
}

function isSo(value: unknown): boolean {
  return value !== null && value !== false;
}

function hasIn(whole: unknown, part: unknown): boolean {
  if (Array.isArray(whole)) return whole.includes(part);
  return typeof whole === 'string' && typeof part === 'string' && whole.includes(part);
}

function compares(by: Compare, left: unknown, right: unknown): boolean {
  if (by === '==') return left === right;
  if (by === '!=') return left !== right;
  const isNumbers = typeof left === 'number' && typeof right === 'number';
  const isTexts = typeof left === 'string' && typeof right === 'string';
  if (!isNumbers && !isTexts) return false;
  const [a, b] = [left, right] as [number, number] | [string, string];
  if (by === '<') return a < b;
  if (by === '<=') return a <= b;
  return by === '>' ? a > b : a >= b;
}
