/**
 * /api/sessions: who is connected to this node, for whoever manages all of a tenant; the operator sees all
 * tenants. Another tenant's session is not there.
 */
import type { z } from 'zod';
import { RequestError } from '../../core/errors.js';
import type { Principal } from '../../core/principal.js';
import { SessionIds } from '../../core/session-record.js';
import type { RosterPort } from '../../thread/roster-port.js';
import type { SessionsTold } from '../../thread/session-calls.js';
import type { sessionPage } from '../../wire/schemas/sessions.js';
import { ownTenant } from './directory.js';

export interface SessionRoutesOptions {
  roster: RosterPort;
  bootId: string;
}

export class SessionRoutes {
  readonly ids: SessionIds;
  readonly #roster: RosterPort;

  constructor({ roster, bootId }: SessionRoutesOptions) {
    this.ids = new SessionIds(bootId);
    this.#roster = roster;
  }

  async list(
    principal: Principal,
    { tenant, topic, after, limit }: z.output<ReturnType<typeof sessionPage>>,
  ): Promise<SessionsTold> {
    // What is told names topics that a key for some of them may not know.
    principal.whole();
    const place = after === null ? null : this.ids.placeOf(after);
    if (after !== null && place === null) {
      const detail = 'is no session of this life of this node: begin again';
      throw new RequestError('invalid_query', detail, 'after');
    }
    const of = { tenant: ownTenant(principal, tenant), topic, after: place, limit };
    return this.#roster.ask({ what: 'list', ...of });
  }

  async close(principal: Principal, id: string): Promise<undefined> {
    principal.whole();
    const place = this.ids.placeOf(id);
    const tenant = ownTenant(principal, null);
    const told = place === null ? null : await this.#roster.ask({ what: 'close', tenant, place });
    if (told?.closed === true) return undefined;
    throw new RequestError('session_not_found', 'no such session on this node', 'id');
  }
}
