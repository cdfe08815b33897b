/**
 * Publishes chunks to groups in slices. Writing to a thousand sockets takes 5 to 10 ms, in which nothing
 * that comes is read: no publish, no answer of a worker. So a turn of the event loop writes to some of
 * the sockets that wait, and the next to others; what comes for a group in the meantime goes out in the
 * same write. Each group gets its chunks in the order they came. It never sends anything itself: who
 * is in a group, and what becomes of a socket that refuses, is Deliveries' business.
 */
import type { Clock } from '../core/clock.js';
import type { Chunk } from './chunk.js';
import type { Group } from './group.js';
import type { Pace } from './pace.js';

/** Sockets written to in a turn, at least; the share of those that wait, when that is more. */
const SOCKETS_A_TURN = 128;
const TURNS = 8;
/**
 * A group with more waiting is written to at once: a write that is large enough gains nothing by
 * waiting, and publishers that are ahead of the sockets are to wait for them.
 */
const GROUP_BYTES_MAX = 8 * 1024;

interface Queue {
  chunks: Chunk[];
  bytes: number;
  /** As many as the group had when the first chunk came. */
  sockets: number;
}

export interface GroupPumpOptions {
  clock: Clock;
  pace: Pace;
  /** Hands a chunk to a group's sockets; the chunk is released there. */
  publish: (group: Group, chunk: Chunk) => void;
}

export class GroupPump {
  readonly #options: GroupPumpOptions;
  /** Groups for which something waits; who waits longest is first. */
  readonly #queues = new Map<Group, Queue>();
  #socketsWaiting = 0;
  #socketsLeft = SOCKETS_A_TURN;
  #state: 'idle' | 'resting' | 'scheduled' = 'idle';

  constructor(options: GroupPumpOptions) {
    this.#options = options;
  }

  add(group: Group, chunk: Chunk): void {
    chunk.hold();
    const queue = this.#queues.get(group) ?? this.#newQueue(group);
    queue.chunks.push(chunk);
    queue.bytes += chunk.op.frames.length;
    const mayWrite = this.#socketsLeft > 0 && group.restsUntilMs <= this.#nowMs();
    if (mayWrite || queue.bytes > GROUP_BYTES_MAX) this.flush(group);
    if (this.#state !== 'resting') this.#schedule();
  }

  /** Publishes all that waits for a group: somebody joins, leaves, or is sent something alone. */
  flush(group: Group): void {
    const queue = this.#queues.get(group);
    if (queue === undefined) return;
    this.#queues.delete(group);
    this.#socketsWaiting -= queue.sockets;
    this.#socketsLeft -= queue.sockets;
    const nowMs = this.#nowMs();
    group.restsUntilMs = nowMs + this.#options.pace.restMs(nowMs);
    for (const chunk of queue.chunks) this.#options.publish(group, chunk);
  }

  flushAll(): void {
    for (const group of [...this.#queues.keys()]) this.flush(group);
  }

  #newQueue(group: Group): Queue {
    const queue: Queue = { chunks: [], bytes: 0, sockets: group.size };
    this.#queues.set(group, queue);
    this.#socketsWaiting += queue.sockets;
    return queue;
  }

  #schedule(): void {
    if (this.#state === 'scheduled') return;
    this.#state = 'scheduled';
    setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    this.#state = 'idle';
    this.#socketsLeft = Math.max(SOCKETS_A_TURN, Math.ceil(this.#socketsWaiting / TURNS));
    const nowMs = this.#nowMs();
    for (const group of this.#queues.keys()) {
      if (this.#socketsLeft <= 0) break;
      if (group.restsUntilMs > nowMs) {
        // Those behind it wait no longer than it does from when their first chunk came.
        this.#rest(group.restsUntilMs - nowMs);
        return;
      }
      this.flush(group);
    }
    if (this.#queues.size > 0) this.#schedule();
  };

  #rest(ms: number): void {
    this.#state = 'resting';
    setTimeout(this.#turn, Math.ceil(ms));
  }

  #nowMs(): number {
    return this.#options.clock.monotonic();
  }
}
