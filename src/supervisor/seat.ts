/**
 * One place for a thread of the node: worker 0 to WORKERS - 1, acceptor 0 to ACCEPTORS - 1. Who
 * sits in it may change; the generation counts them. Owned by node-threads.ts.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { MessageChannel, type Worker } from 'node:worker_threads';
import type { ToThread } from '../thread/control.js';

export const DEATHS_MAX = 5;
const DEATHS_WINDOW_MS = 60_000;
/** How long a thread's loop is watched to see whether it comes to rest. */
const REST_MS = 50;

export type SeatKind = 'acceptor' | 'worker';

export interface Seat {
  readonly kind: SeatKind;
  readonly index: number;
  generation: number;
  thread: Worker | null;
  /**
   * `faulted`: the thread said that it cannot start, and is about to end. An acceptor is `ready`
   * from the beginning: its messages wait until it listens to them.
   */
  state: 'starting' | 'ready' | 'faulted' | 'stopping';
  /** Monotonic ms of its deaths of late. */
  deaths: number[];
}

export function makeSeats(kind: SeatKind, count: number): Seat[] {
  return Array.from({ length: count }, (_, index) => ({
    kind,
    index,
    generation: 0,
    thread: null,
    state: 'starting',
    deaths: [],
  }));
}

export function nameOf({ kind, index }: Seat): string {
  return `${kind}-${index}`;
}

/** Gives each of the two threads its end of a new channel. */
export function link(acceptor: Seat, worker: Seat): void {
  const { port1, port2 } = new MessageChannel();
  const toAcceptor: ToThread = {
    type: 'worker',
    link: { worker: worker.index, generation: worker.generation, port: port1 },
  };
  const toWorker: ToThread = {
    type: 'acceptor',
    link: { acceptor: acceptor.index, generation: acceptor.generation, port: port2 },
  };
  acceptor.thread?.postMessage(toAcceptor, [port1]);
  worker.thread?.postMessage(toWorker, [port2]);
}

export function post(seat: Seat, message: ToThread): void {
  seat.thread?.postMessage(message);
}

/** To the one of that index. */
export function postTo(seats: readonly Seat[], index: number, message: ToThread): void {
  const seat = seats[index];
  if (seat !== undefined) post(seat, message);
}

/** Tells the thread to end; resolves when it has. */
export function stopSeat(seat: Seat): Promise<void> {
  seat.state = 'stopping';
  const { thread } = seat;
  if (thread === null) return Promise.resolve();
  return new Promise((resolve) => {
    thread.once('exit', () => resolve());
    post(seat, { type: 'stop' });
  });
}

/**
 * Tells an acceptor to end, and resolves when its sockets are closed: at its end, or when its loop has
 * come to rest, since it then took the message; it may go on to wait for what will not come. One that
 * hangs does neither, and this does not resolve.
 */
export async function haltSeat(seat: Seat): Promise<void> {
  const { thread } = seat;
  const stopped = stopSeat(seat);
  if (thread === null) return;
  for (let isAtRest = false; !isAtRest; ) {
    const before = thread.performance.eventLoopUtilization();
    const how = await Promise.race([stopped.then(() => 'ended'), delay(REST_MS, 'lives')]);
    const { idle } = thread.performance.eventLoopUtilization(before);
    isAtRest = how === 'ended' || idle > 0;
  }
}

/** Notes a death; false when there were too many of late. */
export function mayRestart(seat: Seat): boolean {
  const now = performance.now();
  seat.deaths = seat.deaths.filter((at) => now - at < DEATHS_WINDOW_MS);
  seat.deaths.push(now);
  return seat.deaths.length <= DEATHS_MAX;
}
