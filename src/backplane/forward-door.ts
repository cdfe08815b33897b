/**
 * Where what other nodes forward comes in, for all workers of this node: checks who sends it, and hands it to
 * the workers that listen to its channels. What is refused is counted, and told by why. On the main thread.
 */
import { digestOf, isSameDigest } from '../core/api-key.js';
import type { Peer } from '../core/peer.js';
import type { Trouble } from '../observe/outages.js';
import {
  FORWARD_BYTES_MAX,
  type ForwardSender,
  readForward,
  readQuestion,
} from './forward-body.js';

/** By what is said to the operator of each. */
export const FORWARD_FAULTS = {
  secret: 'its X-Internal-Secret is not that of this node',
  version: 'it is of another version',
  garbage: 'it cannot be read',
  oversized: 'it is larger than any node sends',
  cluster: 'it is of another CLUSTER_NAME',
  peer: 'it is of a node that does not live, by the table of nodes',
  busy: 'a worker it is for has not read what came before',
} as const;
export type ForwardFault = keyof typeof FORWARD_FAULTS;

/** What is answered. */
export interface ForwardAnswer {
  accepted: number;
  /** Places in the request of those whose channel nobody listens to here. */
  unheard: readonly number[];
}

export interface ForwardDoorOptions {
  cluster: string;
  /** Of this life of this node, which forwards nothing to itself. */
  bootId: string;
  /** To a worker: a request with something for it. The bytes are its own. */
  deliver: (worker: number, body: Uint8Array) => void;
  /** Of what one worker has not read. */
  unreadBytesMax: number;
}

export class ForwardDoor {
  readonly #options: ForwardDoorOptions;
  /** Boot ids of the nodes that live. */
  #living: ReadonlySet<string> = new Set();
  /** Workers, by the channels they listen to. */
  readonly #listeners = new Map<string, Set<number>>();
  /** Bytes that a worker was handed and has not read. */
  readonly #unread = new Map<number, number>();

  constructor(options: ForwardDoorOptions) {
    this.#options = options;
  }

  /** The nodes that live. */
  place(living: readonly Peer[]): void {
    this.#living = new Set(living.map(({ bootId }) => bootId));
  }

  /** That worker listens to these from now on, and not to those. */
  listens(worker: number, more: readonly string[], less: readonly string[]): void {
    for (const channel of more) {
      const workers = this.#listeners.get(channel);
      if (workers === undefined) this.#listeners.set(channel, new Set([worker]));
      else workers.add(worker);
    }
    for (const channel of less) {
      const workers = this.#listeners.get(channel);
      if (workers?.delete(worker) === true && workers.size === 0) this.#listeners.delete(channel);
    }
  }

  /** Its thread has ended: the next one says anew where it listens. */
  gone(worker: number): void {
    this.listens(worker, [], [...this.#listeners.keys()]);
    this.#unread.delete(worker);
  }

  /** That worker has read so many of its bytes. */
  read(worker: number, bytes: number): void {
    const left = (this.#unread.get(worker) ?? 0) - bytes;
    // Of a thread before, whose bytes are gone with it.
    if (left > 0) this.#unread.set(worker, left);
    else this.#unread.delete(worker);
  }

  /** Of somebody who has shown the secret. `busy`: workers that have room have it all the same. */
  take(body: Uint8Array): ForwardAnswer | ForwardFault {
    if (body.length > FORWARD_BYTES_MAX) return 'oversized';
    const forward = readForward(body);
    if (typeof forward === 'string') return forward;
    const fault = this.#faultOf(forward);
    if (fault !== null) return fault;
    const { messages } = forward;
    const unheard: number[] = [];
    const workers = new Set<number>();
    messages.forEach(({ channel }, n) => {
      const listeners = this.#listeners.get(channel);
      if (listeners === undefined) unheard.push(n);
      else for (const worker of listeners) workers.add(worker);
    });
    let isBusy = false;
    for (const worker of workers) {
      if (this.#hasRoom(worker, body.length)) this.#options.deliver(worker, body);
      else isBusy = true;
    }
    return isBusy ? 'busy' : { accepted: messages.length, unheard };
  }

  /** What somebody asks who has shown the secret. */
  asked(body: Uint8Array): { question: unknown } | ForwardFault {
    const asked = readQuestion(body);
    if (typeof asked === 'string') return asked;
    return this.#faultOf(asked) ?? { question: asked.question };
  }

  #faultOf({ cluster, bootId }: ForwardSender): ForwardFault | null {
    if (cluster !== this.#options.cluster) return 'cluster';
    return bootId === this.#options.bootId || !this.#living.has(bootId) ? 'peer' : null;
  }

  #hasRoom(worker: number, bytes: number): boolean {
    const unread = this.#unread.get(worker) ?? 0;
    if (unread > 0 && unread + bytes > this.#options.unreadBytesMax) return false;
    this.#unread.set(worker, unread + bytes);
    return true;
  }
}

/** Whether somebody shows the secret, of whatever length, in a time that does not tell how near he is. */
export function secretCheck(secret: string): (shown: string) => boolean {
  const known = digestOf(secret);
  return (shown) => isSameDigest(digestOf(shown), known);
}

export function troubleOfForward(fault: ForwardFault): Trouble {
  const line = `what came by POST /internal/forward was refused: ${FORWARD_FAULTS[fault]}`;
  return { kind: line, line, cause: `${fault}; the log is read instead`, stack: null };
}
