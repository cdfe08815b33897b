/** An acceptor's end of its port to the webhooks that the main thread keeps. */
import type { MessagePort } from 'node:worker_threads';
import { Turns } from '../core/turns.js';
import { CallPort } from './call-port.js';
import type { WebhookArgs, WebhookCall, WebhookResult, WebhookTypes } from './webhook-calls.js';

const UNDER_WAY_MAX = 4;
const WAITING_MAX = 64;
const ANSWER_MS = 10_000;

export class WebhookPort {
  readonly #calls: CallPort<WebhookTypes>;
  readonly #turns = new Turns({ atOnce: UNDER_WAY_MAX, waitingMax: WAITING_MAX });

  constructor(port: MessagePort) {
    const bounds = { underWayMax: UNDER_WAY_MAX, waitingMax: WAITING_MAX, answerMs: ANSWER_MS };
    this.#calls = new CallPort<WebhookTypes>(port, bounds);
  }

  /** In the turn of its tenant. Rejects with RequestError: `busy` beyond 64 that wait. */
  ask<M extends WebhookCall>(
    tenant: string,
    method: M,
    args: WebhookArgs<M>,
  ): Promise<WebhookResult<M>> {
    return this.#turns.run(tenant, () => this.#calls.ask(method, args));
  }

  close(): void {
    this.#calls.close();
  }
}
