/**
 * Webhooks on an acceptor: its port to those that the main thread keeps, the sessions by which it sends for
 * its share of them, and what is counted of that.
 */
import { OutsideAddresses } from '../core/outside-addresses.js';
import type { WebhookChanges } from '../core/webhook-record.js';
import type { AcceptorStart } from '../thread/control.js';
import { Lease } from '../thread/lease.js';
import { WebhookPort } from '../thread/webhook-port.js';
import type { AcceptorMetricsOptions } from './acceptor-metrics.js';
import type { Control } from './routes/control.js';
import { WebhookRoutes } from './routes/webhook-routes.js';
import { WebhookFigures } from './webhooks/webhook-figures.js';
import { Webhooks, type WebhooksOptions } from './webhooks/webhooks.js';

export type HooksOptions = Pick<
  WebhooksOptions,
  'guard' | 'clock' | 'audit' | 'sessions' | 'subscriptions'
>;

export class Hooks {
  readonly #port: WebhookPort;
  readonly #mayCall: (address: string) => boolean;
  readonly #figures = new WebhookFigures();
  readonly #webhooks: Webhooks;

  constructor({ webhooks, config, memory }: AcceptorStart, options: HooksOptions) {
    const { limits, webhookAllow, databaseUrl } = config;
    this.#port = new WebhookPort(webhooks);
    const outside = new OutsideAddresses(webhookAllow);
    this.#mayCall = (address) => outside.mayCall(address);
    const lease = databaseUrl === null ? null : new Lease(memory.lease);
    this.#webhooks = new Webhooks({
      ...{ ...options, limits, port: this.#port, mayCall: this.#mayCall },
      holds: () => lease?.holds !== false,
      onOutcome: (outcome, ms) => this.#figures.outcome(outcome, ms),
    });
  }

  /** What the table of routes asks for. */
  routes(control: Control): { webhooks: WebhookRoutes; mayCall: (address: string) => boolean } {
    return { webhooks: new WebhookRoutes(control, this.#port), mayCall: this.#mayCall };
  }

  changed(changes: WebhookChanges): void {
    this.#webhooks.changed(changes);
  }

  samples(): ReturnType<AcceptorMetricsOptions['webhooks']> {
    const { results: webhookResults, seconds: webhookSeconds } = this.#figures;
    return { webhooks: this.#webhooks.count, webhookResults, webhookSeconds };
  }

  drain(): Promise<void> {
    return this.#webhooks.drain();
  }

  close(): void {
    this.#webhooks.close();
    this.#port.close();
  }
}
