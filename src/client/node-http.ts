/** Requests to a node's HTTP API, with the client's key or token, and its errors as ConduitError. */

import type { Part } from './codec.js';
import { ConduitError, wordsOf } from './conduit-error.js';
import type { ClientCredentials } from './credentials.js';
import { askedDelayMs } from './retry-delay.js';

export interface NodeRequest {
  method: string;
  /** With its query. */
  path: string;
  /** Sent as it is, under `contentType`. */
  body?: Part;
  contentType?: string;
  signal?: AbortSignal | undefined;
}

export interface NodeHttpOptions {
  /** The node that is asked: `http://host:port`. */
  base: () => string;
  credentials: ClientCredentials;
  fetch: typeof fetch;
}

export class NodeHttp {
  readonly #options: NodeHttpOptions;

  constructor(options: NodeHttpOptions) {
    this.#options = options;
  }

  /**
   * The body of the answer, read as JSON; undefined when there is none. A key or token that is over is asked
   * for again, once. Throws ConduitError: the node's own code, `disconnected` without an answer, `bad_answer`
   * for one that is not a node's; or what the signal was aborted with.
   */
  async ask(request: NodeRequest): Promise<unknown> {
    const { credentials } = this.#options;
    try {
      return await this.#ask(request);
    } catch (error) {
      const isOver = error instanceof ConduitError && error.code === 'unauthorized';
      if (!isOver || !credentials.isRenewable) throw error;
      credentials.drop();
      return this.#ask(request);
    }
  }

  async #ask({ method, path, body, contentType, signal }: NodeRequest): Promise<unknown> {
    const { base, credentials, fetch: ask } = this.#options;
    const headers = await credentials.headers();
    if (contentType !== undefined) headers['content-type'] = contentType;
    // Whoever it is sent on to must not have the key.
    const init: RequestInit = { method, headers, redirect: 'manual' };
    if (body !== undefined) init.body = body;
    if (signal !== undefined) init.signal = signal;
    let answer: Response;
    let text: string;
    try {
      answer = await ask(`${base()}${path}`, init);
      text = await answer.text();
    } catch (cause) {
      signal?.throwIfAborted();
      const text = `no answer: ${wordsOf(cause)}`;
      throw new ConduitError('disconnected', text, { cause });
    }
    if (text === '' && answer.ok) return undefined;
    const read = readJson(text);
    if (!answer.ok) throw problemOf(answer, read);
    if (read === undefined) throw badAnswer(answer);
    return read;
  }
}

/** What Node says of a connection that did not come about; a browser says nothing. */
const NEVER_SENT = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT)/;

/** The node cannot have seen the request. */
export function wasNeverSent({ cause }: ConduitError): boolean {
  const { code = '' } = ((cause as Error | undefined)?.cause ?? {}) as { code?: string };
  return NEVER_SENT.test(code);
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function badAnswer({ status }: Response): ConduitError {
  return new ConduitError('bad_answer', `status ${status}, and not a node's answer`, {
    status,
    // A proxy whose node is away.
    retryable: status >= 500 || status === 429,
  });
}

function problemOf(answer: Response, read: unknown): ConduitError {
  const problem = (read ?? {}) as Partial<Record<string, string>>;
  const { code, detail, title, field, request_id: requestId } = problem;
  if (typeof code !== 'string') return badAnswer(answer);
  const { status } = answer;
  const retryAfterMs = askedDelayMs(Number(answer.headers.get('retry-after')) * 1_000);
  const text = detail ?? title ?? code;
  return new ConduitError(code as ConduitError['code'], text, {
    ...{ status, requestId, field, retryAfterMs },
    retryable: status === 429 || status === 408 || status >= 500,
  });
}
