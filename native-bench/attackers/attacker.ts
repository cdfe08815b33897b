/** One attacker: its target, the round it is in, and the sessions it opens. Ends what it opened. */
import { once } from 'node:events';
import { WebSocket } from 'ws';

/** Of one round; a node that does not end a session is left after it. */
const PATIENCE_MS = 2_000;
/** Bytes that wait in the attacker before it sends on. */
const WAITING_MAX = 4 * 1_024 * 1_024;
const PAUSE_MS = 5;

export interface Attacker {
  /** host:port. */
  readonly target: string;
  /** From 0. */
  readonly round: number;
  /** `key`: an API key; without it none is shown. */
  session(key?: string): Promise<AttackSession>;
}

/** A WebSocket session in `conduit.json.v1`. */
export interface AttackSession {
  /** It reads nothing from now on. */
  pause(): void;
  /** So many messages, one after another; fewer when the node ends the session. */
  send(count: number, message: (index: number) => string): Promise<void>;
  /** Until the node has ended it; after two seconds it is cut. */
  gone(): Promise<void>;
}

export async function openSession(target: string, key = ''): Promise<AttackSession> {
  const headers = key === '' ? {} : { 'x-api-key': key };
  const socket = new WebSocket(`ws://${target}/ws`, ['conduit.json.v1'], { headers });
  // Whatever the node does with it is its right.
  socket.on('error', () => socket.terminate());
  await Promise.race([once(socket, 'open'), once(socket, 'close')]);
  return {
    pause: () => socket.pause(),
    send: async (count, message) => {
      const until = performance.now() + PATIENCE_MS;
      for (let i = 0; i < count; i++) {
        while (socket.bufferedAmount > WAITING_MAX) {
          if (performance.now() > until) return;
          await pause();
        }
        if (socket.readyState !== WebSocket.OPEN) return;
        socket.send(message(i));
      }
    },
    gone: async () => {
      const until = performance.now() + PATIENCE_MS;
      while (socket.readyState !== WebSocket.CLOSED && performance.now() < until) await pause();
      socket.terminate();
    },
  };
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
