/** The audit log as clients see it. */
import type { AuditRecord } from '../../core/audit-record.js';
import { isoTime } from '../../core/time.js';
import type * as schemas from '../schemas/audit.js';
import type { View } from '../schemas/kinds.js';

export type AuditEntryView = View<typeof schemas.AUDIT_ENTRY>;
export type AuditPageView = View<typeof schemas.AUDIT_PAGE>;

function auditEntryView(record: AuditRecord): AuditEntryView {
  const { id, atMs, tenant, actor, address, action, object, outcome, times } = record;
  const who = { tenant, actor, address };
  return {
    id,
    at: isoTime(atMs),
    ...who,
    action,
    object,
    outcome,
    times,
    request_id: record.requestId,
  };
}

/** `limit`: as many as were asked for; a page that has them may have a next one. */
export function auditPageView(records: readonly AuditRecord[], limit: number): AuditPageView {
  const next = records.length === limit ? records.at(-1)?.id : undefined;
  return { entries: records.map(auditEntryView), next };
}
