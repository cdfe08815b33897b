/**
 * What the audit log is told of one request, once, when it is answered. The route names the action, and the
 * names in its path are the object; a handler that knows better says so.
 */
import type { AuditAction, AuditEvent, AuditOutcome } from '../../core/audit-record.js';
import type { Principal } from '../../core/principal.js';
import type { Tenant } from '../../core/topic-key.js';
import { formatUuid, makeUuidV7 } from '../../core/uuid.js';

/** What the audit log calls what a route does. */
export interface AuditedAs {
  /** Null: it changes nothing that is audited, and is told of where it is refused. */
  readonly audit: AuditAction | null;
  readonly method: string;
  /** As the table of routes has it, without what a client wrote. */
  readonly path: string;
}

/** Takes what was done, and what was tried. Throws nothing, and lets nobody wait. */
export interface AuditSink {
  add(event: AuditEvent): void;
}

/** Where nobody is asked who he is, there is nothing to tell. */
export const NO_AUDIT: AuditSink = { add: () => undefined };

export interface AuditNoteOptions {
  sink: AuditSink;
  action: AuditAction;
  principal: Principal;
  address: string;
  object: string;
}

/** Who asks what, by which request. */
interface Refused {
  readonly principal: Principal;
  readonly address: string;
  readonly requestId: string;
}

/** One that is refused before its names are looked at: the object is what it asked for. */
export function refusalOf(
  { principal, address, requestId }: Refused,
  { audit, method, path }: AuditedAs,
): Omit<AuditEvent, 'outcome'> {
  const { tenant, keyId } = principal;
  const what = { action: audit ?? 'request', object: `${method} ${path}` } as const;
  return { tenant, actor: keyId ?? '', address, ...what, requestId };
}

/** Of a frame: it has an id of its own, which nobody is told. */
export function frameEvent(
  { principal, address }: Pick<Refused, 'principal' | 'address'>,
  what: Pick<AuditEvent, 'action' | 'object' | 'outcome'>,
): AuditEvent {
  const { tenant, keyId } = principal;
  const requestId = formatUuid(makeUuidV7(Date.now(), 0));
  return { tenant, actor: keyId ?? '', address, ...what, requestId };
}

export class AuditNote {
  readonly #options: AuditNoteOptions;
  /** Of who asks, until somebody says otherwise. */
  #tenant: Tenant;
  #actor: string;
  #object: string;
  #state: 'open' | 'told' = 'open';

  constructor(options: AuditNoteOptions) {
    this.#options = options;
    this.#tenant = options.principal.tenant;
    this.#actor = options.principal.keyId ?? '';
    this.#object = options.object;
  }

  /** Whose the object is, and what it is called where its path does not say that. */
  isAbout(tenant: Tenant, object = this.#object): void {
    this.#tenant = tenant;
    this.#object = object;
  }

  /** Who asks, where the request had no key in its head: it is of his tenant, too. */
  isOf({ tenant, keyId }: Principal): void {
    this.#tenant = tenant;
    this.#actor = keyId ?? '';
  }

  /** The first outcome counts. */
  ended(outcome: AuditOutcome, requestId: string): void {
    if (this.#state === 'told') return;
    this.#state = 'told';
    const { sink, action, address } = this.#options;
    const what = { action, object: this.#object, outcome };
    sink.add({ tenant: this.#tenant, actor: this.#actor, address, ...what, requestId });
  }
}
