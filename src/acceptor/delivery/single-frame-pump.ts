/**
 * Publishes joined frames to the sessions that named no subprotocol: one WebSocket message a frame. uWS
 * drains a subscriber after 32 publishes, socket by socket, which made 64 frames a turn five times
 * slower than 16 (measured); so at most 32 frames a group go out in a turn, the rest in the next.
 */
import type { GroupChunk, SingleFrame } from './group-chunk.js';
import type { PublishLog } from './publish-log.js';
import type { SocketGroup } from './receiver.js';
import { KIND_SINGLE } from './receiver-kind.js';
import type { SocketPublisher } from './socket-publisher.js';

const FRAMES_A_TURN = 32;

interface Queue {
  chunks: GroupChunk[];
  /** How many frames of the first chunk are out. */
  at: number;
}

export interface SeedPumpOptions {
  sockets: SocketPublisher;
  log: PublishLog;
  /** Called before some frames of a group are published. */
  admit: (group: SocketGroup) => void;
  /** Who left in the meantime must be gone before the next publish. */
  beforePublish: () => void;
  /** A chunk is out; it is released there. */
  onPublished: (chunk: GroupChunk) => void;
}

export class SingleFramePump {
  readonly #options: SeedPumpOptions;
  readonly #queues = new Map<SocketGroup, Queue>();
  #scheduled = false;

  constructor(options: SeedPumpOptions) {
    this.#options = options;
  }

  add(group: SocketGroup, chunk: GroupChunk): void {
    chunk.hold();
    const queue = this.#queues.get(group);
    if (queue !== undefined) queue.chunks.push(chunk);
    else this.#queues.set(group, { chunks: [chunk], at: 0 });
    this.#run();
  }

  /** Publishes all that waits for a group at once: somebody joins, leaves, or is paged. */
  flush(group: SocketGroup): void {
    const queue = this.#queues.get(group);
    if (queue !== undefined) this.#publish(group, queue, Number.POSITIVE_INFINITY);
  }

  flushAll(): void {
    for (const group of [...this.#queues.keys()]) this.flush(group);
  }

  #run(): void {
    if (this.#scheduled) return;
    for (const [group, queue] of this.#queues) this.#publish(group, queue, FRAMES_A_TURN);
    if (this.#queues.size === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#run();
    });
  }

  #publish(group: SocketGroup, queue: Queue, framesMax: number): void {
    this.#options.admit(group);
    for (let left = framesMax; left > 0; left--) {
      const [chunk] = queue.chunks;
      const single = chunk?.singles[queue.at];
      if (chunk === undefined || single === undefined) break;
      this.#publishFrame(group, single);
      queue.at++;
      if (queue.at < chunk.singles.length) continue;
      queue.chunks.shift();
      queue.at = 0;
      this.#options.onPublished(chunk);
    }
    if (queue.chunks.length === 0) this.#queues.delete(group);
  }

  #publishFrame(group: SocketGroup, { frame, sequence }: SingleFrame): void {
    const { sockets, log, beforePublish } = this.#options;
    beforePublish();
    log.add({ group, kind: KIND_SINGLE, first: sequence, frames: frame });
    sockets.publish(group.nameOf(KIND_SINGLE), frame, 'text');
    group.published(KIND_SINGLE, sequence);
  }
}
