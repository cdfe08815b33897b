/**
 * The table of routes: all that this node answers over HTTP. Mounting, 405 with Allow, HEAD, OPTIONS and the
 * checks of requests come from it, and so does whatever is said of the API. Built once at the start, since
 * its schemas have the limits in force.
 */
import type { Limits } from '../../../core/limits.js';
import { documentsOf } from '../../description/documents.js';
import type { Route } from '../../http/route.js';
import type { Control } from '../control.js';
import type { Directory } from '../directory.js';
import type { SystemRoutes } from '../system-routes.js';
import { auditTable } from './audit.js';
import { type DashboardTableParts, dashboardTable } from './dashboard.js';
import { deadLetterTable } from './dead-letters.js';
import { documentTable } from './documents.js';
import { type InternalTableParts, internalTable } from './internal.js';
import { type LoginTableParts, loginTable } from './logins.js';
import { type PublishTableParts, publishTable } from './publishes.js';
import { type PullTableParts, pullTable } from './pulls.js';
import { type SessionTableParts, sessionTable } from './sessions.js';
import { type SubscriptionTableParts, subscriptionTable } from './subscriptions.js';
import { type SystemTableParts, systemTable } from './system.js';
import { tenantTable } from './tenants.js';
import { type TokenTableParts, tokenTable } from './tokens.js';
import { type TopicTableParts, topicTable } from './topics.js';
import { type WebhookTableParts, webhookTable } from './webhooks.js';

export interface TableParts {
  limits: Limits;
  nodeId: string;
  version: string;
  control: Control;
  directory: Directory;
  mint: TokenTableParts['mint'];
  logins: LoginTableParts['logins'];
  publishes: PublishTableParts['publishes'];
  pulls: PullTableParts['pulls'];
  sessions: SessionTableParts['sessions'];
  system: SystemRoutes;
  watches: SystemTableParts['watches'];
  forwards: InternalTableParts['forwards'];
  streams: TopicTableParts['streams'];
  files: DashboardTableParts['files'];
  webhooks: WebhookTableParts['webhooks'] &
    TopicTableParts['webhooks'] &
    SubscriptionTableParts['webhooks'];
  mayCall: WebhookTableParts['mayCall'];
}

export function routeTable(parts: TableParts): Route[] {
  const { limits, version } = parts;
  const routes: Route[] = [
    ...publishTable(parts),
    ...topicTable(parts),
    ...subscriptionTable(parts),
    ...pullTable(parts),
    ...webhookTable(parts),
    ...deadLetterTable(parts),
    ...tenantTable(parts),
    ...tokenTable(parts),
    ...loginTable(parts),
    ...sessionTable(parts),
    ...auditTable(parts),
    ...systemTable(parts),
    ...dashboardTable(parts),
    ...internalTable(parts),
    ...documentTable({ documents: documentsOf({ routes: () => routes, limits, version }) }),
  ];
  return routes;
}
