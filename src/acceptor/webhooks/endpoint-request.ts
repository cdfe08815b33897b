/**
 * One request to an endpoint, as undici tells of it while it goes on: over once, by the end of its answer,
 * by its time, or by what became of its connection. Of the answer nothing but its head counts; of its body
 * so much is taken that the connection can be used again. By undici's `dispatch`, since `request` makes a
 * stream of each answer, and an AbortSignal would have to be made for each.
 */
import type { Dispatcher } from 'undici';
import { failureOf, LateAnswer, type Outcome } from './outcome.js';

/** Of an answer's body; of more the connection is given up. */
const ANSWER_BYTES_MAX = 16 * 1_024;

export interface EndpointRequestOptions {
  timeoutMs: number;
  /** What the head of an answer says. */
  outcomeOf: (status: number, retryAfter: string | string[] | undefined) => Outcome;
  /** Once. */
  onOver: (outcome: Outcome) => void;
}

export class EndpointRequest implements Dispatcher.DispatchHandler {
  readonly #options: EndpointRequestOptions;
  readonly #timer: NodeJS.Timeout;
  /** Null: it waits for a connection. */
  #controller: Dispatcher.DispatchController | null = null;
  #said: Outcome | null = null;
  #bytes = 0;
  #state: 'under way' | 'over' = 'under way';

  constructor(options: EndpointRequestOptions) {
    this.#options = options;
    this.#timer = setTimeout(() => this.#giveUp(), options.timeoutMs);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // Its time was over before it had a connection: it is not sent.
    if (this.#state === 'over') controller.abort(new LateAnswer());
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    // Of 1xx another follows.
    if (status >= 200) this.#said = this.#options.outcomeOf(status, headers['retry-after']);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > ANSWER_BYTES_MAX) this.#giveUp();
  }

  onResponseEnd(): void {
    this.#over(null);
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: unknown): void {
    this.#over(error);
  }

  #giveUp(): void {
    const late = new LateAnswer();
    this.#over(late);
    this.#controller?.abort(late);
  }

  #over(error: unknown): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    clearTimeout(this.#timer);
    const { timeoutMs, onOver } = this.#options;
    onOver(this.#said ?? failureOf(error, timeoutMs));
  }
}
