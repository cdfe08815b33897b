/**
 * Publishes joined frames to the sessions that named no subprotocol: one WebSocket message a frame. uWS
 * drains a subscriber after 32 publishes, socket by socket, which made 64 frames a turn five times
 * slower than 16 (measured); so at most 32 frames a group go out in a turn, the rest in the next.
 */
import type { TemplatedApp } from 'uWebSockets.js';
import type { Group } from './group.js';
import { type PublishLog, sequenceOf, splitFrames } from './publish-log.js';
import { KIND_SEED } from './receiver.js';

const FRAMES_A_TURN = 32;

interface Queue {
  frames: Uint8Array[];
  at: number;
  /** Bytes to be credited, separators included. */
  credit: number;
}

export class SeedPump {
  readonly #app: TemplatedApp;
  readonly #log: PublishLog;
  readonly #queues = new Map<Group, Queue>();
  /** These bytes are out and may be credited. */
  readonly #beforePublish: () => void;
  readonly #onPublished: (group: Group, bytes: number) => void;
  #scheduled = false;

  constructor(options: {
    app: TemplatedApp;
    log: PublishLog;
    /** Who left in the meantime must be gone before the next publish. */
    beforePublish: () => void;
    onPublished: (group: Group, bytes: number) => void;
  }) {
    this.#app = options.app;
    this.#log = options.log;
    this.#beforePublish = options.beforePublish;
    this.#onPublished = options.onPublished;
  }

  /** Takes joined frames for a group; the bytes must stay as they are. */
  add(group: Group, joined: Uint8Array): void {
    const queue = this.#queues.get(group);
    const frames = splitFrames(joined);
    if (queue === undefined) this.#queues.set(group, { frames, at: 0, credit: joined.length });
    else {
      queue.frames.push(...frames);
      queue.credit += joined.length;
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
    const name = group.nameOf(KIND_SEED);
    const to = Math.min(queue.frames.length, queue.at + framesMax);
    let bytes = 0;
    for (; queue.at < to; queue.at++) {
      const frame = queue.frames[queue.at];
      if (frame === undefined) break;
      const sequence = sequenceOf(frame);
      this.#beforePublish();
      this.#log.add({ group, kind: KIND_SEED, first: sequence, frames: frame });
      this.#app.publish(name, frame, false);
      group.published(KIND_SEED, sequence);
      bytes += frame.length;
    }
    const done = queue.at === queue.frames.length;
    if (done) this.#queues.delete(group);
    this.#onPublished(group, done ? queue.credit : bytes);
    queue.credit -= bytes;
  }
}
