/** What whoever manages tenants and keys is told, wherever they are kept. */
import { RequestError } from '../core/errors.js';
import type { Tenant } from '../core/topic-key.js';

/** How long an expired key is still listed. */
export const EXPIRED_KEPT_MS = 7 * 86_400_000;

export function tenantNotFound(): RequestError {
  return new RequestError('tenant_not_found', 'no such tenant', 'tenant');
}

export function tenantExists(name: Tenant): RequestError {
  return new RequestError('tenant_exists', `the tenant ${name} exists`, 'name');
}

export function tenantInUse(name: Tenant): RequestError {
  return new RequestError('tenant_in_use', `the tenant ${name} has topics: delete them first`);
}

export function tenantLimit(max: number): RequestError {
  return new RequestError('tenant_limit', `there are ${max} tenants (TENANTS_MAX)`);
}

export function keyNotFound(): RequestError {
  return new RequestError('key_not_found', 'no such key', 'id');
}

export function keyLimit(max: number): RequestError {
  const detail = `the tenant has ${max} keys (KEYS_PER_TENANT_MAX): delete those that nobody uses`;
  return new RequestError('key_limit', detail);
}

export function loginOver(): RequestError {
  return new RequestError('unauthorized', 'the key, or the login, is over');
}

export function alreadyOver(): RequestError {
  return new RequestError('invalid_field', 'has passed', 'expires_at');
}
