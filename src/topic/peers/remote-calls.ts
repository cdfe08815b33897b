/** Control requests to the workers that coordinate what they are about. */
import type { TopicKey } from '../../core/topic-key.js';
import { type AnswerText, writeArgs } from '../../thread/call-text.js';
import type { CallArgs, CallResult } from '../../thread/calls.js';
import { type PeerCall, readPeersAnswer } from '../../thread/peer-calls.js';
import { LINK_RESET, type RemoteRequests, requestError } from './remote-requests.js';
import type { RemoteWorker } from './remote-worker.js';

/** Before the acceptor gives up (acceptor/workers/workers.ts). */
const CALL_MS = 4_500;

export interface RemoteCallsOptions {
  requests: RemoteRequests;
  workerOf: (bootId: string, key: TopicKey) => RemoteWorker | null;
}

export class RemoteCalls {
  readonly #options: RemoteCallsOptions;

  constructor(options: RemoteCallsOptions) {
    this.#options = options;
  }

  /** To the worker of that node that has the topic; rejects with RequestError. */
  async call<M extends PeerCall>(
    to: { bootId: string; key: TopicKey },
    method: M,
    args: CallArgs<M>,
  ): Promise<CallResult<M>> {
    const worker = this.#options.workerOf(to.bootId, to.key);
    if (worker === null) throw requestError(LINK_RESET);
    worker.want();
    try {
      const { result } = await this.#ask(worker, method, writeArgs<M>(args));
      const answer = readPeersAnswer(method, result);
      if (answer !== null) return answer;
      worker.unread();
      throw requestError(LINK_RESET);
    } finally {
      worker.unwant();
    }
  }

  #ask(worker: RemoteWorker, method: PeerCall, args: string): Promise<AnswerText> {
    const { requests } = this.#options;
    return new Promise((resolve, reject) => {
      const request = requests.add(worker, {
        replied: (answer) => {
          clearTimeout(timer);
          resolve(answer);
        },
        failed: (failure) => {
          clearTimeout(timer);
          // Who asked was told that it is not done: it is not done later either.
          takeBack();
          reject(requestError(failure));
        },
      });
      const timer = setTimeout(() => requests.take(worker, request)?.failed(LINK_RESET), CALL_MS);
      const takeBack = worker.whenUp(() => worker.call({ request, method, args }));
    });
  }
}
