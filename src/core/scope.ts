/** What an API key is good for, and what is asked of whoever calls. */
export const SCOPES = ['publish', 'subscribe', 'manage', 'operate'] as const;
export type Scope = (typeof SCOPES)[number];

/** Those that a token may have, in the words of its claims. */
export const VERBS = ['publish', 'subscribe'] as const satisfies readonly Scope[];
export type Verb = (typeof VERBS)[number];

/** One or the other; `any key`: whichever it has; `anyone`: none is asked for, and no key. */
export type NeededScope =
  | Scope
  | `${'subscribe' | 'manage'} or operate`
  | 'publish or subscribe'
  | 'any key'
  | 'anyone';

const BITS: Readonly<Record<Scope, number>> = { publish: 1, subscribe: 2, manage: 4, operate: 8 };
/** Whoever calls has it. */
const ANYONE_BIT = 16;

/** As bits, of which one that is needed is enough. */
export function bitsOf(scopes: Iterable<Scope>): number {
  let bits = ANYONE_BIT;
  for (const scope of scopes) bits |= BITS[scope];
  return bits;
}

/** A switch, since it is asked for every frame: a look-up by a name that varies costs 20 ns. */
export function neededBits(needed: NeededScope): number {
  switch (needed) {
    case 'publish':
      return BITS.publish;
    case 'subscribe':
      return BITS.subscribe;
    case 'manage':
      return BITS.manage;
    case 'operate':
      return BITS.operate;
    case 'publish or subscribe':
      return BITS.publish | BITS.subscribe;
    case 'subscribe or operate':
      return BITS.subscribe | BITS.operate;
    case 'manage or operate':
      return BITS.manage | BITS.operate;
    case 'any key':
      return BITS.publish | BITS.subscribe | BITS.manage | BITS.operate;
    case 'anyone':
      return ANYONE_BIT;
  }
}
