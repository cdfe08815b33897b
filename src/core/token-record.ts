/** What a token comes to, once it was found good: without the token itself. */
import type { Verb } from './scope.js';
import type { Tenant } from './topic-key.js';

export interface TokenRecord {
  tenant: Tenant;
  verbs: readonly Verb[];
  /** Patterns (core/topic-pattern.ts); null: all topics of the tenant. */
  topics: readonly string[] | null;
  /** Whom it is for, in the words of whoever made it; null: nobody in particular. */
  subject: string | null;
  /** Unix ms of this node. */
  expiresAtMs: number;
}
