/**
 * /api/sessions: who is connected to the nodes that live, for whoever manages all of a tenant; the operator
 * sees all tenants. Another tenant's session is not there.
 */
import type { z } from 'zod';
import { RequestError } from '../../core/errors.js';
import type { Principal } from '../../core/principal.js';
import { placeOfSession } from '../../core/session-record.js';
import type { RosterPort } from '../../thread/roster-port.js';
import type { ClusterSessionsTold } from '../../thread/session-calls.js';
import type { sessionPage } from '../../wire/schemas/sessions.js';
import { ownTenant } from './directory.js';

export class SessionRoutes {
  readonly #roster: RosterPort;

  constructor(roster: RosterPort) {
    this.#roster = roster;
  }

  async list(
    principal: Principal,
    { tenant, topic, after, limit }: z.output<ReturnType<typeof sessionPage>>,
  ): Promise<ClusterSessionsTold> {
    // What is told names topics that a key for some of them may not know.
    principal.whole();
    const place = after === null ? null : placeOfSession(after);
    if (after !== null && place === null) {
      throw new RequestError('invalid_query', 'is no id of a session: begin again', 'after');
    }
    const of = { tenant: ownTenant(principal, tenant), topic, after: place, limit };
    return this.#roster.ask({ what: 'list', ...of });
  }

  async close(principal: Principal, id: string): Promise<undefined> {
    principal.whole();
    const at = placeOfSession(id);
    const tenant = ownTenant(principal, null);
    const told = at === null ? null : await this.#roster.ask({ what: 'close', tenant, at });
    if (told?.closed === true) return undefined;
    throw new RequestError('session_not_found', 'no such session on a node that lives', 'id');
  }
}
