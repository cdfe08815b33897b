/** What all control routes share: asking workers. Nothing of it is on the path of a message. */
import type { Limits } from '../../core/limits.js';
import type { CallArgs, CallResult, OwnersCall, WorkerCall } from '../../thread/calls.js';
import type { Gate } from '../http/gate.js';
import type { Workers } from '../workers/workers.js';
import type { LogReads } from './log-reads.js';

export interface ControlOptions {
  workers: Workers;
  limits: Limits;
  /** Each worker has topics of its own: lists are merged from all. */
  inMemory: boolean;
  browsing: LogReads;
  gate: Pick<Gate, 'stillMay'>;
}

export class Control {
  readonly workers: Workers;
  readonly limits: Limits;
  readonly inMemory: boolean;
  readonly browsing: LogReads;
  readonly gate: Pick<Gate, 'stillMay'>;

  constructor(options: ControlOptions) {
    this.workers = options.workers;
    this.limits = options.limits;
    this.inMemory = options.inMemory;
    this.browsing = options.browsing;
    this.gate = options.gate;
  }

  /** Asks the owner of the topic that `args` name. Rejects with RequestError. */
  async call<M extends OwnersCall<WorkerCall>>(
    method: M,
    args: CallArgs<M>,
  ): Promise<CallResult<M>> {
    return this.workers.call(this.workers.ownerOf(args.key), method, args);
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
}
