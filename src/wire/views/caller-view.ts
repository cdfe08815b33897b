/** Who asks, as the dashboard is told. */
import { ANYONE, NOBODY, type Principal } from '../../core/principal.js';
import { isoTime } from '../../core/time.js';
import type { View } from '../schemas/kinds.js';
import type { CALLER } from '../schemas/logins.js';

export type CallerView = View<typeof CALLER>;

export function callerView(principal: Principal): CallerView {
  const { tenant, scopes, topics, keyId, loginId, expiresAtMs } = principal;
  return {
    auth: principal === ANYONE ? 'off' : 'on',
    tenant: principal === NOBODY ? null : tenant,
    scopes: [...scopes],
    topics: topics === null ? null : [...topics],
    key_id: keyId,
    login: loginId !== null,
    expires_at: expiresAtMs === null ? null : isoTime(expiresAtMs),
  };
}
