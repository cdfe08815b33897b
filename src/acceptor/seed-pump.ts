/**
 * Publishes joined frames to the sessions that named no subprotocol: one WebSocket message a frame. uWS
 * drains a subscriber after 32 publishes, socket by socket, which made 64 frames a turn five times
 * slower than 16 (measured); so at most 32 frames a group go out in a turn, the rest in the next.
 */
import type { TemplatedApp } from 'uWebSockets.js';
import type { Chunk } from './chunk.js';
import type { Group } from './group.js';
import { type PublishLog, sequenceOf, splitFrames } from './publish-log.js';
import { KIND_SEED } from './receiver.js';

const FRAMES_A_TURN = 32;

interface Queue {
  chunks: Chunk[];
  /** Of the first chunk. */
  frames: Uint8Array[];
  /** How many of them are out. */
  at: number;
}

export interface SeedPumpOptions {
  app: TemplatedApp;
  log: PublishLog;
  /** Who left in the meantime must be gone before the next publish. */
  beforePublish: () => void;
  /** A chunk is out; it is released there. */
  onPublished: (chunk: Chunk) => void;
}

export class SeedPump {
  readonly #options: SeedPumpOptions;
  readonly #queues = new Map<Group, Queue>();
  #scheduled = false;

  constructor(options: SeedPumpOptions) {
    this.#options = options;
  }

  add(group: Group, chunk: Chunk): void {
    chunk.hold();
    const queue = this.#queues.get(group);
    if (queue !== undefined) queue.chunks.push(chunk);
    else {
      const frames = splitFrames(chunk.op.frames);
      this.#queues.set(group, { chunks: [chunk], frames, at: 0 });
    }
    this.#run();
  }

  /** Publishes all that waits for a group at once: somebody joins, leaves, or is paged. */
  flush(group: Group): void {
    const queue = this.#queues.get(group);
    if (queue !== undefined) this.#publish(group, queue, Number.POSITIVE_INFINITY);
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

  #publish(group: Group, queue: Queue, framesMax: number): void {
    for (let left = framesMax; left > 0; left--) {
      const frame = queue.frames[queue.at];
      if (frame === undefined) break;
      this.#publishFrame(group, frame);
      queue.at++;
      if (queue.at === queue.frames.length) this.#nextChunk(queue);
    }
    if (queue.chunks.length === 0) this.#queues.delete(group);
  }

  #publishFrame(group: Group, frame: Uint8Array): void {
    const { app, log, beforePublish } = this.#options;
    const sequence = sequenceOf(frame);
    beforePublish();
    log.add({ group, kind: KIND_SEED, first: sequence, frames: frame });
    app.publish(group.nameOf(KIND_SEED), frame, false);
    group.published(KIND_SEED, sequence);
  }

  #nextChunk(queue: Queue): void {
    const done = queue.chunks.shift();
    if (done !== undefined) this.#options.onPublished(done);
    const [next] = queue.chunks;
    queue.frames = next === undefined ? [] : splitFrames(next.op.frames);
    queue.at = 0;
  }
}
