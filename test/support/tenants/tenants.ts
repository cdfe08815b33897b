/** Two tenants, as principals of them; and the keys of the one that every request has by itself. */
import pg from 'pg';
import { ANYONE, Principal } from '../../../src/core/principal.js';
import { SCOPES } from '../../../src/core/scope.js';
import { asTenant, type TopicKey } from '../../../src/core/topic-key.js';

export const TENANT = ANYONE.tenant;
/** Whose things nobody of TENANT may see; a database has to be told of it: see `addOther`. */
export const OTHER = new Principal(asTenant('other'), SCOPES);

/** Makes OTHER in a database that is migrated. */
export async function addOther(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query('INSERT INTO conduit.tenants (name) VALUES ($1)', [OTHER.tenant]);
  await client.end();
}

/** A tenant that no database knows. */
export const NOBODY = new Principal(asTenant('nobody'), SCOPES);

/** Of TENANT's topic of this name. */
export function keyOf(name: string): TopicKey {
  return ANYONE.keyOf(name);
}
