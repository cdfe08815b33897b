/**
 * The one place where uWebSockets.js handlers are wrapped. An exception that reaches C++ ends the
 * process: here it becomes a 500 or a close 1011, is counted, and is told to the supervisor.
 */
import type { HttpRequest, HttpResponse, WebSocket } from 'uWebSockets.js';
import { CLOSE } from '../core/errors.js';

export class Guard {
  /** Handlers that threw so far. */
  faults = 0;
  readonly #tell: (where: string, stack: string) => void;

  constructor(tell: (where: string, stack: string) => void) {
    this.#tell = tell;
  }

  /** A route: what throws before it answered is answered 500. */
  http(
    where: string,
    handler: (res: HttpResponse, req: HttpRequest) => void,
  ): (res: HttpResponse, req: HttpRequest) => void {
    return (res, req) => {
      try {
        handler(res, req);
      } catch (error) {
        this.caught(where, error);
        // Without this uWS ends the process; a response that was given already refuses both.
        this.run(`${where} 500`, () => {
          res.onAborted(() => undefined);
          res.cork(() => res.writeStatus('500 Internal Server Error').end());
        });
      }
    };
  }

  /** A handler of a WebSocket: what throws closes it with 1011. */
  ws<S, A extends unknown[]>(
    where: string,
    handler: (ws: WebSocket<S>, ...rest: A) => void,
  ): (ws: WebSocket<S>, ...rest: A) => void {
    return (ws, ...rest) => {
      try {
        handler(ws, ...rest);
      } catch (error) {
        this.caught(where, error);
        this.run(`${where} close`, () => ws.end(CLOSE.bug.closeCode, CLOSE.bug.reason));
      }
    };
  }

  /** Any other callback from C++. */
  run(where: string, callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.caught(where, error);
    }
  }

  caught(where: string, error: unknown): void {
    this.faults++;
    this.#tell(where, error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}
