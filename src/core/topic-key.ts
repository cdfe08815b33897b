/**
 * What opens a topic: whose it is and its name, in one string. So a map, a query or an operation of the
 * link cannot name a topic without its tenant. A bare name has another type, and none of them takes it.
 */

declare const tenantBrand: unique symbol;
declare const keyBrand: unique symbol;

/** The name of a tenant, which owns topics. Made by `asTenant` alone. */
export type Tenant = string & { readonly [tenantBrand]: true };

/** A tenant and the name of one of its topics, which may not be there. Made by `topicKey` alone. */
export type TopicKey = string & { readonly [keyBrand]: true };

/** What a request reaches: all of a tenant, or one topic of it. Either tells whose it is. */
export type Within = Tenant | TopicKey;

/** No text of PostgreSQL can hold it, and no name of ours does: two pairs never make the same key. */
const SEPARATOR = '\0';

/** Throws for what can be no tenant's name: nothing, or text with a NUL. */
export function asTenant(name: string): Tenant {
  if (name !== '' && !name.includes(SEPARATOR)) return name as Tenant;
  throw new Error('a tenant has a name, without a NUL');
}

/** `name` needs no check: one that no topic can have finds none, of this tenant or another. */
export function topicKey(tenant: Tenant, name: string): TopicKey {
  return `${tenant}${SEPARATOR}${name}` as TopicKey;
}

export function tenantOf(within: Within): Tenant {
  const end = within.indexOf(SEPARATOR);
  return (end < 0 ? within : within.slice(0, end)) as Tenant;
}

export function topicNameOf(key: TopicKey): string {
  return key.slice(key.indexOf(SEPARATOR) + 1);
}

/** The one topic that is meant; null: all of the tenant. */
export function keyWithin(within: Within): TopicKey | null {
  return within.includes(SEPARATOR) ? (within as TopicKey) : null;
}

/** Its name; null: all topics of the tenant are meant. */
export function topicNameWithin(within: Within): string | null {
  const key = keyWithin(within);
  return key === null ? null : topicNameOf(key);
}
