/** The directory of tenants and API keys as routes ask it; where no keys are asked for there is none. */
import { RequestError } from '../../core/errors.js';
import type { Principal } from '../../core/principal.js';
import type { Tenant } from '../../core/topic-key.js';
import type {
  DirectoryArgs,
  DirectoryCall,
  DirectoryResult,
} from '../../thread/directory-calls.js';
import type { DirectoryPort } from '../../thread/directory-port.js';

/** The operator's turn, which no tenant's requests hold up: no tenant has this name. */
export const OPERATOR = '~';

export class Directory {
  readonly #port: DirectoryPort | null;

  constructor(port: DirectoryPort | null) {
    this.#port = port;
  }

  /** `by`: OPERATOR, or a tenant. Rejects with RequestError: `not_found` with ENABLE_AUTH=false. */
  async ask<M extends DirectoryCall>(
    by: string,
    method: M,
    args: DirectoryArgs<M>,
  ): Promise<DirectoryResult<M>> {
    if (this.#port !== null) return this.#port.manage(by, method, args);
    const detail = 'this node has no tenants and keys: ENABLE_AUTH is false';
    throw new RequestError('not_found', detail);
  }
}

/** Null: of whichever, which is the operator's to ask. Another's tenant is not there. */
export function ownTenant(principal: Principal, asked: Tenant | null): Tenant | null {
  if (principal.may('operate')) return asked;
  if (asked === null || asked === principal.tenant) return principal.tenant;
  throw new RequestError('tenant_not_found', 'no such tenant', 'tenant');
}

export function turnOf(principal: Principal): string {
  return principal.may('operate') ? OPERATOR : principal.tenant;
}
