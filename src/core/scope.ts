/** What an API key is good for, and what is asked of whoever calls. */
export const SCOPES = ['publish', 'subscribe', 'manage', 'operate'] as const;
export type Scope = (typeof SCOPES)[number];
/** One or the other; `anyone`: none is asked for, and no key. */
export type NeededScope = Scope | `${'subscribe' | 'manage'} or operate` | 'anyone';
