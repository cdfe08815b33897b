/**
 * Publishes chunks to groups in slices. Writing to a thousand sockets takes 5 to 10 ms, in which nothing
 * that comes is read: no publish, no answer of a worker. So a turn of the event loop writes to some of
 * the sockets that wait, and the next to others; what comes for a group in the meantime goes out in the
 * same write. Each group gets its chunks in the order they came. It never sends anything itself: who
 * is in a group, and what becomes of a socket that refuses, is Deliveries' business.
 */
import type { Clock } from '../../core/clock.js';
import type { GroupChunk } from './group-chunk.js';
import type { Pace } from './pace.js';
import type { SocketGroup } from './receiver.js';
import { GROUP_SUBSCRIPTIONS_MAX } from './socket-groups.js';

/** Sockets written to in a turn, at least; the share of those that wait, when that is more. */
const SOCKETS_A_TURN = 128;
const TURNS = 8;
/**
 * A group with more waiting is written to at once: a write that is large enough gains nothing by
 * waiting, and publishers that are ahead of the sockets are to wait for them.
 */
const GROUP_BYTES_MAX = 8 * 1024;

/**
 * Between two slices of a thread that lets groups rest this long: others on its cores, the database among
 * them, get their turn meanwhile.
 */
const GAP_MS = 1;
const GAP_FROM_REST_MS = 4;

interface Queue {
  chunks: GroupChunk[];
  bytes: number;
  /** As many as the group had when the first chunk came. */
  sockets: number;
}

export interface GroupPumpOptions {
  clock: Clock;
  pace: Pace;
  /** Hands a chunk to a group's sockets; the chunk is released there. */
  publish: (group: SocketGroup, chunk: GroupChunk) => void;
}

export class GroupPump {
  readonly #options: GroupPumpOptions;
  readonly #queues = new Map<SocketGroup, Queue>();
  /** Whose queue waits for a turn, and whose for the end of its rest; who waits longest is first. */
  readonly #ready = new Set<SocketGroup>();
  readonly #resting = new Set<SocketGroup>();
  #socketsReady = 0;
  #socketsLeft = SOCKETS_A_TURN;
  #turnIsSet = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: GroupPumpOptions) {
    this.#options = options;
  }

  add(group: SocketGroup, chunk: GroupChunk): void {
    chunk.hold();
    const queue = this.#queues.get(group) ?? this.#newQueue(group);
    queue.chunks.push(chunk);
    queue.bytes += chunk.op.frames.length;
    const mayWrite = this.#socketsLeft > 0 && this.#ready.has(group);
    if (mayWrite || queue.bytes > GROUP_BYTES_MAX) this.flush(group);
  }

  /** Publishes all that waits for a group: somebody joins, leaves, or is sent something alone. */
  flush(group: SocketGroup): void {
    const queue = this.#queues.get(group);
    if (queue === undefined) return;
    this.#queues.delete(group);
    this.#resting.delete(group);
    if (this.#ready.delete(group)) this.#socketsReady -= queue.sockets;
    this.#socketsLeft -= queue.sockets;
    this.#setTurn();
    this.#setRest(group, queue.sockets);
    for (const chunk of queue.chunks) this.#options.publish(group, chunk);
  }

  flushAll(): void {
    for (const group of [...this.#queues.keys()]) this.flush(group);
  }

  /** In proportion to what its write costs: one session gains nothing by waiting. */
  #setRest(group: SocketGroup, sockets: number): void {
    const nowMs = this.#options.clock.monotonic();
    const share = Math.min(1, sockets / GROUP_SUBSCRIPTIONS_MAX);
    group.restsUntilMs = nowMs + share * this.#options.pace.restMs(nowMs);
  }

  #newQueue(group: SocketGroup): Queue {
    const queue: Queue = { chunks: [], bytes: 0, sockets: group.size };
    this.#queues.set(group, queue);
    const restMs = group.restsUntilMs - this.#options.clock.monotonic();
    if (restMs > 0) this.#rest(group, restMs);
    else this.#makeReady(group, queue);
    return queue;
  }

  #makeReady(group: SocketGroup, { sockets }: Queue): void {
    this.#ready.add(group);
    this.#socketsReady += sockets;
    this.#setTurn();
  }

  #rest(group: SocketGroup, ms: number): void {
    this.#resting.add(group);
    this.#timer ??= setTimeout(this.#wake, Math.ceil(ms));
  }

  #setTurn(): void {
    if (this.#turnIsSet) return;
    this.#turnIsSet = true;
    const { clock, pace } = this.#options;
    if (pace.restMs(clock.monotonic()) < GAP_FROM_REST_MS) setImmediate(this.#turn);
    else setTimeout(this.#turn, GAP_MS);
  }

  readonly #turn = (): void => {
    this.#turnIsSet = false;
    this.#socketsLeft = Math.max(SOCKETS_A_TURN, Math.ceil(this.#socketsReady / TURNS));
    for (const group of this.#ready) {
      if (this.#socketsLeft <= 0) break;
      this.flush(group);
    }
    if (this.#ready.size > 0) this.#setTurn();
  };

  /** Those behind one that still rests wait no longer than it does, from when their first chunk came. */
  readonly #wake = (): void => {
    this.#timer = null;
    const nowMs = this.#options.clock.monotonic();
    for (const group of this.#resting) {
      const restMs = group.restsUntilMs - nowMs;
      if (restMs > 0) {
        this.#timer = setTimeout(this.#wake, Math.ceil(restMs));
        return;
      }
      this.#resting.delete(group);
      const queue = this.#queues.get(group);
      if (queue !== undefined) this.#makeReady(group, queue);
    }
  };
}
