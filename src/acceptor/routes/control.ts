/**
 * What all control routes share: asking workers, reading a small JSON body, and answering what a handler
 * throws. Nothing of it is on the path of a message.
 */
import type { HttpRequest } from 'uWebSockets.js';
import { RequestError } from '../../core/errors.js';
import type { Limits } from '../../core/limits.js';
import type { TopicKey } from '../../core/topic-key.js';
import type { CallArgs, CallResult, WorkerCall } from '../../thread/calls.js';
import { parseJsonBody } from '../../wire/json-body.js';
import type { Bodies } from '../http/bodies.js';
import { bodyType } from '../http/body-type.js';
import { type Exchange, faultOfOurs } from '../http/exchange.js';
import type { Workers } from '../workers/workers.js';
import type { Browsing } from './browsing.js';

export interface ControlOptions {
  workers: Workers;
  limits: Limits;
  /** Each worker has topics of its own: lists are merged from all. */
  inMemory: boolean;
  browsing: Browsing;
  bodies: Bodies;
  onFault: (error: unknown) => void;
}

export class Control {
  readonly workers: Workers;
  readonly limits: Limits;
  readonly inMemory: boolean;
  readonly browsing: Browsing;
  readonly #bodies: Bodies;
  readonly #onFault: (error: unknown) => void;

  constructor(options: ControlOptions) {
    this.workers = options.workers;
    this.limits = options.limits;
    this.inMemory = options.inMemory;
    this.browsing = options.browsing;
    this.#bodies = options.bodies;
    this.#onFault = options.onFault;
  }

  /** Asks the owner of a topic. Rejects with RequestError. */
  async call<M extends WorkerCall>(
    owned: TopicKey,
    method: M,
    args: CallArgs<M>,
  ): Promise<CallResult<M>> {
    return this.workers.call(this.workers.ownerOf(owned), method, args);
  }

  /** Asks every worker, for what only owners know. */
  askAll<M extends WorkerCall>(method: M, args: CallArgs<M>): Promise<CallResult<M>[]> {
    return this.workers.callAll(method, args);
  }

  /** Asks one worker where it speaks for a shared database; in memory all. */
  async ask<M extends WorkerCall>(method: M, args: CallArgs<M>): Promise<CallResult<M>[]> {
    if (this.inMemory) return this.askAll(method, args);
    return [await this.workers.call(this.workers.byIndex(0), method, args)];
  }

  /** Runs the handler; what it throws is the answer. */
  run(exchange: Exchange, handler: () => Promise<void>): void {
    handler().catch((error: unknown) => {
      if (!(error instanceof RequestError)) this.#onFault(error);
      exchange.fail(error instanceof RequestError ? error : faultOfOurs());
    });
  }

  /** The same with the body, a JSON object of at most `limit`: room for a thousand ids, or not. */
  withBody(
    exchange: Exchange,
    req: HttpRequest,
    use: (body: Record<string, unknown>) => Promise<void>,
    limit: 'frameBytesMax' | 'publishBodyBytesMax' = 'frameBytesMax',
  ): void {
    bodyType(req, ['json']);
    const name = limit === 'frameBytesMax' ? 'FRAME_BYTES_MAX' : 'PUBLISH_BODY_BYTES_MAX';
    const bound = { bytesMax: this.limits[limit], name };
    this.#bodies.read(exchange, bound, (bytes) =>
      this.run(exchange, use.bind(null, parseJsonBody(bytes, this.limits.depthMax))),
    );
  }
}
