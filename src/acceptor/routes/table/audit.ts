/** The route of the audit log. */
import type { Limits } from '../../../core/limits.js';
import * as schemas from '../../../wire/schemas/audit.js';
import { auditPageView } from '../../../wire/views/audit-view.js';
import { type Route, routesOf } from '../../http/route.js';
import { AuditRoutes } from '../audit-routes.js';
import type { Directory } from '../directory.js';

export interface AuditTableParts {
  limits: Limits;
  directory: Directory;
}

export function auditTable({ limits, directory }: AuditTableParts): Route[] {
  const audit = new AuditRoutes(directory);
  const errors = ['not_found', 'tenant_not_found'] as const;
  const listed = routesOf({ scope: 'manage or operate', errors });
  return [
    listed('GET /api/audit', 'Lists what was done to keys, topics and the rest, and by whom.', {
      query: schemas.auditPage(limits),
      answer: { 200: schemas.AUDIT_PAGE },
      handle: async ({ principal, query }) =>
        auditPageView(await audit.list(principal, query), query.limit),
    }),
  ];
}
