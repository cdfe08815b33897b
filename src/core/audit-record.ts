/**
 * What the audit log says of an action: who did what to which object, from where, and what came of it. No
 * secret is among it, and its texts are made fit for one line of whatever shows them.
 */
import type { ErrorCode } from './errors.js';
import { lineText } from './line-text.js';
import type { Tenant } from './topic-key.js';

/**
 * What is told of. `request` and `frame`: one that changes nothing of these, and was refused; `audit.lost`:
 * so many entries could not be kept.
 */
export type AuditAction =
  | `tenant.${'create' | 'change' | 'delete'}`
  | `key.${'create' | 'rotate' | 'delete'}`
  | 'token.create'
  | `session.${'open' | 'close' | 'disconnect'}`
  | `topic.${'create' | 'change' | 'delete'}`
  | `subscription.${'change' | 'delete' | 'seek' | 'pause' | 'resume'}`
  | `webhook.${'set' | 'remove' | 'disable'}`
  | `dead-letters.${'redrive' | 'purge' | 'delete'}`
  | 'job.cancel'
  | 'node.drain'
  | 'topic.move'
  | 'request'
  | 'frame'
  | 'audit.lost';

export type AuditOutcome = 'ok' | ErrorCode;

export interface AuditEvent {
  /** Whose the object is: whoever may manage that tenant sees it. */
  tenant: Tenant;
  /** Id of the API key, or the variable of a configured one; '': nobody's. */
  actor: string;
  /** The client's; '': it is not known. */
  address: string;
  action: AuditAction;
  /** Names with slashes between; '': none was named. */
  object: string;
  outcome: AuditOutcome;
  /** Of the request, as its answer says it; a client may have made it up. */
  requestId: string;
}

/** As it travels to where it is kept. */
export interface AuditEntry extends AuditEvent {
  /** UUID: what is sent again is kept once. */
  entryId: string;
  /** More than one: attempts that failed alike within seconds. */
  times: number;
  /** How long ago it was, ms. */
  ageMs: number;
}

export interface AuditRecord extends AuditEvent {
  id: number;
  times: number;
  /** Unix ms of the clock of where it is kept. */
  atMs: number;
}

/** Beyond them a text is cut, in UTF-16 units: a topic and a subscription fit. */
const TEXT_MAX = 512;

/** Text of a stranger, cut, with an escape in place of whatever is not shown as itself. */
export function auditText(text: string): string {
  return lineText(text, TEXT_MAX);
}
