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
