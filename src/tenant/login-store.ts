/**
 * Where logins are kept, beside the keys that they come of. A login is what a browser shows in the place of a
 * key that was shown once: it is good for what the key is good for, and ends with it.
 */
import type { KeyRight } from '../core/key-record.js';

/** The key that was shown: one of the directory, or one of the configuration by the name of its variable. */
export type LoginKey =
  | { readonly keyId: string }
  | {
      readonly variable: string;
      /** Of the configured key and the login, 32 bytes: another key under that name is not the same. */
      readonly proof: Buffer;
    };

export interface NewLogin {
  id: string;
  /** SHA-256 of what is shown, 32 bytes. */
  digest: Buffer;
  of: LoginKey;
  /** For how long, ms; not beyond the end of its key. */
  lifeMs: number;
  /** Id of the login whose place it takes: its end is the same, and that one goes on for a moment. */
  replaces: string | null;
}

export interface FoundLogin {
  id: string;
  /** SHA-256 in hex. */
  digest: string;
  /** Until it ends itself, or its key does. */
  leftMs: number;
  /** What its key is good for, and until when; the proof in hex. */
  of: ({ keyId: string } & KeyRight) | { variable: string; proof: string };
}

/** Each rejects with RequestError, with what PostgreSQL or the driver said, or with a bug. */
export interface LoginStore {
  /** Those of the ids that there are, those that are over not. */
  find(ids: readonly string[]): Promise<FoundLogin[]>;
  /**
   * How long it will go on, ms; null: none was made, since the one that it would replace has no more
   * than REPLACED_MS, as one has that was replaced: whoever did that has the other. Of more than
   * LOGINS_PER_KEY_MAX of its key the oldest end. Rejects `unauthorized` when the key, or the login that it
   * replaces, is not there any more.
   */
  add(login: NewLogin): Promise<number | null>;
  /** With all that it replaced, and that replaced it, one after another. */
  remove(id: string): Promise<void>;
}

/** How long a login goes on that another one replaced: what the page asked meanwhile shows it still. */
export const REPLACED_MS = 60_000;
