/** An acceptor's end of its port to the webhooks that the main thread keeps. */
import type { MessagePort } from 'node:worker_threads';
import { Turns } from '../core/turns.js';
import { PoolPort, type PoolResult } from './pool-port.js';
import type { WebhookArgs, WebhookAsk, WebhookCall, WebhookResult } from './webhook-calls.js';

const UNDER_WAY_MAX = 4;
const WAITING_MAX = 64;
const ANSWER_MS = 10_000;

export class WebhookPort {
  readonly #pool: PoolPort<WebhookAsk>;
  readonly #turns = new Turns({ atOnce: UNDER_WAY_MAX, waitingMax: WAITING_MAX });

  constructor(port: MessagePort) {
    const bounds = { underWayMax: UNDER_WAY_MAX, waitingMax: WAITING_MAX, answerMs: ANSWER_MS };
    this.#pool = new PoolPort<WebhookAsk>(port, bounds);
  }

  /** In the turn of its tenant. Rejects with RequestError: `busy` beyond 64 that wait. */
  ask<M extends WebhookCall>(
    tenant: string,
    method: M,
    args: WebhookArgs<M>,
  ): Promise<WebhookResult<M>> {
    return this.#turns.run(tenant, async () => {
      const ask: WebhookAsk<M> = { method, args };
      const packed = await this.#pool.ask(ask as WebhookAsk);
      return JSON.parse(Buffer.from(packed).toString('utf8')) as WebhookResult<M>;
    });
  }

  close(): void {
    this.#pool.close();
  }
}

/** What the other end answers with. */
export function packWebhookResult(result: object): PoolResult {
  return new Uint8Array(Buffer.from(JSON.stringify(result), 'utf8')).buffer;
}
