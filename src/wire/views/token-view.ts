/** Tokens as clients see them, in the answer to whoever asked for one and in frames. */
import { isoTime } from '../../core/time.js';
import type { TokenRecord } from '../../core/token-record.js';
import type { Ref } from '../frame-types.js';
import type { View } from '../schemas/kinds.js';
import type * as schemas from '../schemas/tokens.js';
import type { ExpiringFrame, RefreshedFrame } from '../server-frame-types.js';

export type MadeTokenView = View<typeof schemas.MADE_TOKEN>;

export function madeTokenView(record: TokenRecord, token: string): MadeTokenView {
  const { tenant, verbs, topics, subject, expiresAtMs } = record;
  return {
    token,
    tenant,
    verbs: [...verbs],
    topics: topics === null ? null : [...topics],
    subject,
    expires_at: isoTime(expiresAtMs),
  };
}

/** `expiresAtMs`: of the token that the session goes on with. */
export function refreshedFrame(expiresAtMs: number, ref: Ref): RefreshedFrame {
  return { type: 'refreshed', expires_at: isoTime(expiresAtMs), ref: ref ?? undefined };
}

export function expiringFrame(expiresAtMs: number): ExpiringFrame {
  return { type: 'expiring', expires_at: isoTime(expiresAtMs) };
}
