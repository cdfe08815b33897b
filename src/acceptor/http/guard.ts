/**
 * The one place where what the acceptor is called for is wrapped: handlers of uWebSockets.js, answers of
 * workers, timers. An exception that reaches C++ ends the process, and one that reaches the top of the
 * thread cuts every session: here it ends the one session, stream or request that it was for (close
 * 1011, or 500), and is told to the supervisor. What is nobody's is thrown on.
 */
import type { HttpRequest, HttpResponse, WebSocket } from 'uWebSockets.js';

/** A session, a stream, a request: whom the thread works for. */
export interface Subject {
  /** A fault of ours keeps it from being served: it is told so, and ends. */
  broken(): void;
}

/** What threw, and what the request that it was for is called; null: it was for none, or nobody knows. */
export type OnFault = (error: unknown, requestId: string | null) => void;

type TellFault = (where: string, stack: string, requestId: string | null) => void;

export class Guard {
  readonly #tell: TellFault;

  constructor(tell: TellFault) {
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
        // Without this uWS ends the process; a response that was given already refuses both.
        const broken = (): void => {
          res.onAborted(() => undefined);
          res.cork(() => res.writeStatus('500 Internal Server Error').end());
        };
        this.broken(where, { broken }, error);
      }
    };
  }

  /** A handler of a WebSocket: what throws ends whoever `subjectOf` names. */
  ws<S, A extends unknown[]>(
    where: string,
    subjectOf: (ws: WebSocket<S>) => Subject,
    handler: (ws: WebSocket<S>, ...rest: A) => void,
  ): (ws: WebSocket<S>, ...rest: A) => void {
    return (ws, ...rest) => {
      try {
        handler(ws, ...rest);
      } catch (error) {
        this.broken(where, subjectOf(ws), error);
      }
    };
  }

  /** Anything else that is done for one subject. */
  run(where: string, subject: Subject, callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.broken(where, subject, error);
    }
  }

  /** For who has a `catch` of its own, being called too often for a closure. */
  broken(where: string, subject: Subject, error: unknown): void {
    this.caught(where, error);
    try {
      subject.broken();
    } catch (again) {
      this.caught(`${where}, ending it`, again);
    }
  }

  caught(where: string, error: unknown, requestId: string | null = null): void {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#tell(where, stack, requestId);
  }
}
