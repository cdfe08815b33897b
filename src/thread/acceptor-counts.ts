/** What the acceptors of a node count together, so that each can tell of the node: what one of them holds. */
import { SharedCount } from '../core/shared-count.js';

export interface AcceptorCountsMemory {
  readonly sessions: SharedArrayBuffer;
  readonly streams: SharedArrayBuffer;
  readonly unreadAnswerBytes: SharedArrayBuffer;
}

export class AcceptorCounts {
  /** Server-sent events included. */
  readonly sessions: SharedCount;
  readonly streams: SharedCount;
  readonly unreadAnswerBytes: SharedCount;

  /** `index`: of the acceptor. It begins with nothing, whatever its predecessor had. */
  constructor(memory: AcceptorCountsMemory, index: number) {
    this.sessions = new SharedCount(memory.sessions, index);
    this.streams = new SharedCount(memory.streams, index);
    this.unreadAnswerBytes = new SharedCount(memory.unreadAnswerBytes, index);
  }

  static memory(acceptors: number): AcceptorCountsMemory {
    return {
      sessions: SharedCount.memory(acceptors),
      streams: SharedCount.memory(acceptors),
      unreadAnswerBytes: SharedCount.memory(acceptors),
    };
  }
}
