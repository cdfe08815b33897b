/** k6/websockets: sockets of one virtual user, which has an event loop for them. */
import { WebSocket as Socket } from 'ws';
import type { Tags } from '../messages.js';
import { context } from './context.js';

interface Params {
  headers?: Record<string, string>;
  tags?: Tags;
}

type EventName = 'open' | 'message' | 'close' | 'error';

export class WebSocket {
  readonly #socket: Socket;

  /** `protocols` is k6's to use one day: null. */
  constructor(url: string, protocols: null = null, { headers = {}, tags = {} }: Params = {}) {
    if (protocols !== null) throw new Error('k6 knows no protocols: send them as a header');
    context.began();
    context.record('ws_sessions', 1, tags);
    this.#socket = new Socket(url, { headers });
    this.#socket.on('message', () => context.record('ws_msgs_received', 1, tags));
    // One that nobody listens to would end the thread; `close` follows.
    this.#socket.on('error', () => undefined);
    // After the listeners of the script.
    this.#socket.once('close', () => setImmediate(() => context.ended()));
  }

  get readyState(): number {
    return this.#socket.readyState;
  }

  addEventListener(event: EventName, listener: (event: { data?: unknown }) => void): void {
    this.#socket.addEventListener(event as 'message', listener);
  }

  send(data: string | ArrayBuffer): void {
    this.#socket.send(data);
  }

  close(code?: number, reason?: string): void {
    this.#socket.close(code, reason);
  }
}
