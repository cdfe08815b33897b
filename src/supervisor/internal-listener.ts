/**
 * INTERNAL_PORT: takes POST /internal/forward of other nodes and nothing else, on the main thread, by
 * Node.js's server, which with certificates lets nobody in who shows none of the authority (uWebSockets
 * does not enforce that). Bodies are bounded, and so is the time they take.
 */
import http, { type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import https from 'node:https';
import { FORWARD_BYTES_MAX, FORWARD_PATH, SECRET_HEADER } from '../backplane/forward-body.js';
import { type ForwardFault, secretCheck } from '../backplane/forward-door.js';
import { ERRORS, RequestError } from '../core/errors.js';
import type { PemFiles } from '../thread/control.js';
import { forwardError } from './forward-error.js';
import { StartRefused } from './start-refused.js';

/** Of one request. */
const REQUEST_MS = 10_000;
/** A connection that nothing comes on. */
const IDLE_MS = 60_000;
const CONNECTIONS_MAX = 4_096;

export interface InternalListenerOptions {
  host: string;
  port: number;
  tls: PemFiles | null;
  secret: string;
  /** What is answered. Rejects nothing. */
  take: (body: Uint8Array) => Promise<object | ForwardFault>;
  /** Before its body was read. */
  onRefused: (fault: ForwardFault) => void;
  /** A bug: whoever forwarded is told that it is one. */
  onFault: (error: unknown) => void;
}

export class InternalListener {
  readonly #server: http.Server | https.Server;
  readonly #options: InternalListenerOptions;
  readonly #isSecret: (shown: string) => boolean;

  private constructor(options: InternalListenerOptions) {
    this.#options = options;
    this.#isSecret = secretCheck(options.secret);
    const serve: RequestListener = (request, response) => this.#serve(request, response);
    const times = { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS / 2 };
    const bounds = { ...times, keepAliveTimeout: IDLE_MS };
    const { tls } = options;
    this.#server =
      tls === null
        ? http.createServer(bounds, serve)
        : https.createServer(
            { ...bounds, ...tls, requestCert: true, rejectUnauthorized: true },
            serve,
          );
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  /** Resolves when it listens. Rejects StartRefused. */
  static async start(options: InternalListenerOptions): Promise<InternalListener> {
    const listener = new InternalListener(options);
    const server = listener.#server;
    const { host, port } = options;
    await new Promise<void>((resolve, reject) => {
      const refused = (error: NodeJS.ErrnoException): void => {
        reject(new StartRefused(`INTERNAL_PORT=${port}: cannot be listened on (${error.code})`));
      };
      server.once('error', refused);
      server.listen(port, host, () => {
        server.off('error', refused);
        resolve();
      });
    });
    return listener;
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    request.once('error', () => response.destroy());
    const { method, url, headers } = request;
    if (url !== FORWARD_PATH) fail(response, new RequestError('not_found', 'no such path'));
    else if (method !== 'POST') {
      fail(response, new RequestError('method_not_allowed', 'takes POST'));
    } else if (!this.#isSecret(String(headers[SECRET_HEADER] ?? ''))) {
      this.#refuse(response, 'secret');
    } else if (Number(headers['content-length'] ?? 0) > FORWARD_BYTES_MAX) {
      this.#refuse(response, 'oversized');
    } else this.#read(request, response);
  }

  #read(request: IncomingMessage, response: ServerResponse): void {
    const parts: Buffer[] = [];
    let bytes = 0;
    request.on('data', (part: Buffer) => {
      bytes += part.length;
      if (bytes <= FORWARD_BYTES_MAX) parts.push(part);
      else {
        request.removeAllListeners('data');
        this.#refuse(response, 'oversized');
      }
    });
    request.once('end', () => {
      if (response.headersSent) return;
      this.#options.take(Buffer.concat(parts)).then(
        (taken) => {
          if (typeof taken === 'string') fail(response, forwardError(taken));
          else reply(response, 200, JSON.stringify(taken));
        },
        (error: unknown) => {
          this.#options.onFault(error);
          fail(response, new RequestError('internal', 'a fault of the server; it was logged'));
        },
      );
    });
  }

  #refuse(response: ServerResponse, fault: ForwardFault): void {
    this.#options.onRefused(fault);
    // What is still to come is not read.
    response.once('finish', () => response.destroy());
    fail(response, forwardError(fault));
  }
}

function fail(response: ServerResponse, { code, message }: RequestError): void {
  const { status, title } = ERRORS[code];
  reply(response, status, JSON.stringify({ title, status, detail: message, code }));
}

function reply(response: ServerResponse, status: number, body: string): void {
  const type = status === 200 ? 'application/json' : 'application/problem+json';
  response.writeHead(status, {
    ...{ 'content-type': type, 'content-length': Buffer.byteLength(body) },
    ...(status === 200 ? {} : { connection: 'close' }),
  });
  response.end(body);
}
