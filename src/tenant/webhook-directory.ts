/**
 * The webhooks of an installation, on the main thread: answers what acceptors ask, and says of faults of the
 * database what any reader of the log would. A secret is in an answer once, to whoever made it.
 */
import { randomUUID } from 'node:crypto';
import type { WebhookPlace } from '../core/webhook-record.js';
import { makeWebhookKey } from '../core/webhook-secret.js';
import { answerAsk, type HandlersOf } from '../thread/call-port.js';
import type { PoolResult } from '../thread/pool-port.js';
import type { WebhookArgs, WebhookAsk, WebhookTypes } from '../thread/webhook-calls.js';
import { directoryFailure } from './directory-failure.js';
import type { WebhookStore } from './webhook-store.js';

/** For the operator. */
export type TellDisabled = (place: WebhookPlace, cause: string) => void;

export class WebhookDirectory {
  readonly #store: WebhookStore;
  readonly #handlers: HandlersOf<WebhookTypes>;

  constructor(store: WebhookStore, onDisabled: TellDisabled) {
    this.#store = store;
    this.#handlers = {
      'webhooks.get': async ({ place }) => ({ record: await store.get(place) }),
      'webhooks.put': (args) => this.#put(args),
      'webhooks.remove': async ({ place }) => ({ removed: await store.remove(place, null) }),
      'webhooks.topic-gone': async ({ topic }) => {
        await store.removeTopic(topic);
        return {};
      },
      'webhooks.gone': async ({ place, version }) => {
        await store.remove(place, version);
        return {};
      },
      'webhooks.disable': async ({ place, version, reason }) => {
        const disabled = await store.disable(place, version, reason);
        if (disabled) onDisabled(place, '410: it says that it is gone');
        return { disabled };
      },
    };
  }

  /** For a port (thread/pool-port.ts). Rejects with bugs only. */
  async answer(ask: WebhookAsk): Promise<PoolResult> {
    try {
      return await answerAsk(this.#handlers, ask);
    } catch (error) {
      return directoryFailure(error);
    }
  }

  stop(): Promise<void> {
    return this.#store.close();
  }

  #put({ place, settings, secret: asked, overlapMs }: WebhookArgs<'webhooks.put'>) {
    const keyOf = { keep: () => null, new: makeWebhookKey };
    const key = typeof asked === 'string' ? keyOf[asked]() : asked.key;
    return this.#store.put(place, { ...settings, version: randomUUID(), key, overlapMs });
  }
}
