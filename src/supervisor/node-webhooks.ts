/**
 * The webhooks as the main thread has them: where they are kept, the ports that acceptors ask by, and the
 * list of all, which is read again whenever one changed on any node.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { serveCold } from '../cold/cold-port.js';
import type { Config } from '../config/config.js';
import { systemClock } from '../core/clock.js';
import type { WebhookRecord } from '../core/webhook-record.js';
import type { Logger } from '../observe/logger.js';
import { KeptList } from '../tenant/kept-list.js';
import { MemoryWebhooks } from '../tenant/memory-webhooks.js';
import { PostgresWebhooks } from '../tenant/postgres-webhooks.js';
import { WebhookDirectory } from '../tenant/webhook-directory.js';
import type { WebhookStore } from '../tenant/webhook-store.js';
import type { WebhookAsk } from '../thread/webhook-calls.js';

export interface NodeWebhooksOptions {
  /** With the URL that leads to the database; null: webhooks are in memory. */
  config: Config;
  logger: Logger;
  /** All that there are from now on. */
  onChanged: (all: readonly WebhookRecord[]) => void;
}

export class NodeWebhooks {
  readonly #options: NodeWebhooksOptions;
  readonly #list: KeptList<WebhookRecord>;
  readonly #directory: WebhookDirectory;

  constructor(options: NodeWebhooksOptions) {
    this.#options = options;
    const { logger } = options;
    const store = this.#openStore(() => this.#list.changed());
    this.#list = new KeptList<WebhookRecord>({
      read: () => store.all(),
      onChanged: options.onChanged,
      onFault: (err) => logger.tell('webhooks.not_read', { err }),
    });
    this.#directory = new WebhookDirectory(store, ({ tenant, topic, name }, cause) => {
      logger.tell('webhook.disabled', { about: `${tenant}/${topic}/${name}`, cause });
    });
  }

  /** An acceptor's end of a port to them. */
  readonly openPort = (): MessagePort => {
    const { port1, port2 } = new MessageChannel();
    const onFault = (err: unknown): void => this.#options.logger.tell('webhooks.failed', { err });
    serveCold(port1, (ask: WebhookAsk) => this.#directory.answer(ask), onFault);
    return port2;
  };

  stop(): Promise<void> {
    this.#list.close();
    return this.#directory.stop();
  }

  #openStore(onChanged: () => void): WebhookStore {
    const { config, logger } = this.#options;
    const { databaseUrl, limits, nodeId } = config;
    const common = { clock: systemClock, limits, onChanged };
    if (databaseUrl === null) return new MemoryWebhooks(common);
    return new PostgresWebhooks({
      ...{ ...common, databaseUrl, applicationName: `conduit/${nodeId}/webhooks` },
      onDeaf: (detail) => logger.tell('webhooks.not_told', { detail }),
    });
  }
}
