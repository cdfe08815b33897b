/** The routes of webhooks. */
import type { Limits } from '../../../core/limits.js';
import { subscriptionPath } from '../../../wire/schemas/subscriptions.js';
import * as schemas from '../../../wire/schemas/webhooks.js';
import { webhookView } from '../../../wire/views/webhook-view.js';
import { type Route, routesOf } from '../../http/route.js';
import type { WebhookRoutes } from '../webhook-routes.js';

export interface WebhookTableParts {
  limits: Limits;
  webhooks: Pick<WebhookRoutes, 'get' | 'put' | 'delete'>;
  /** Whether a webhook may lead to this address. */
  mayCall: (address: string) => boolean;
}

const PATH = '/api/subscriptions/:topic/:name/webhook';

export function webhookTable({ limits, webhooks, mayCall }: WebhookTableParts): Route[] {
  const of = routesOf({ scope: 'manage', params: subscriptionPath(limits) });
  return [
    of(
      `PUT ${PATH}`,
      'Sends what the subscription is given to a URL, and makes the subscription.',
      {
        audit: 'webhook.set',
        body: schemas.newWebhook(limits, mayCall),
        answer: { 200: schemas.WEBHOOK },
        errors: ['topic_not_found', 'bad_cursor', 'webhook_limit', 'tenant_not_found'],
        handle: async (asked) => {
          const { record, newKey } = await webhooks.put(asked, asked.body);
          return webhookView(record, { newKey, nowMs: Date.now() });
        },
      },
    ),
    of(`GET ${PATH}`, 'Shows where messages are sent, without the secrets.', {
      answer: { 200: schemas.WEBHOOK },
      errors: ['webhook_not_found'],
      handle: async (asked) =>
        webhookView(await webhooks.get(asked), { newKey: null, nowMs: Date.now() }),
    }),
    of(`DELETE ${PATH}`, 'Sends nothing more; the subscription stays as it is.', {
      audit: 'webhook.remove',
      answer: { 204: null },
      errors: ['webhook_not_found'],
      handle: (asked) => webhooks.delete(asked),
    }),
  ];
}
