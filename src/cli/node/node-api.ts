/**
 * The HTTP API of a node as the command line asks it. What is answered is kept as text, so that --json shows
 * it as it came; what is read of it is looked at, not believed.
 */
import { CommandFailure, type ExitCode } from '../terminal/failure.js';
import { JsonText } from '../terminal/printable.js';
import { isRow, type Row } from '../terminal/table.js';
import { itemTexts, memberText, oneLine } from './json-items.js';
import type { NodeTarget } from './target.js';

/** More than a node may take: a publish waits up to 9 s for a database that is silent. */
const ANSWER_MS = 30_000;
/** A page of a thousand messages of the largest default size. */
const ANSWER_BYTES_MAX = 320 * 1_024 * 1_024;

export type Query = Readonly<Record<string, string | number | null>>;

export interface ApiRequest {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** What is null is left out. */
  query?: Query;
  /** Sent as JSON; a string as it is. */
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
  signal?: AbortSignal;
}

/** What was answered: its JSON on one line, '' of 204; and as an object. */
export interface ApiAnswer {
  readonly status: number;
  readonly text: string;
  readonly body: Row;
}

export interface PageOptions {
  path: string;
  /** Of the answer: `topics`. */
  member: string;
  query?: Query;
  /** Of the first page alone: where it begins. */
  begin?: Query;
  /** All of them when null. */
  limit: number | null;
  /** Of a page. */
  pageSize?: number;
  /** What `next` is sent as. */
  nextAs?: string;
  /** A page without items may have a next one: those that were looked at did not fit. */
  mayBeEmpty?: boolean;
  /** What else an answer has. */
  onPage?: (body: Readonly<Record<string, unknown>>) => void;
}

export interface ListedItem {
  readonly text: string;
  readonly row: Row;
}

const PAGE_ITEMS = 1_000;

export class NodeApi {
  readonly #target: NodeTarget;
  readonly #userAgent: string;

  constructor(target: NodeTarget, version: string) {
    this.#target = target;
    this.#userAgent = `conduit-cli/${version}`;
  }

  get url(): string {
    return this.#target.url;
  }

  /** Rejects CommandFailure for all but an answer of success, or one of `also`. */
  async ask(
    path: string,
    request: ApiRequest = {},
    also: readonly number[] = [],
  ): Promise<ApiAnswer> {
    const response = await this.#fetch(path, request);
    const text = await this.#textOf(response);
    const isJson = /\bjson\b/.test(response.headers.get('content-type') ?? '');
    const body = isJson ? objectOf(text) : {};
    if (response.ok && (isJson || response.status === 204)) {
      return { status: response.status, text: oneLine(text), body };
    }
    if (also.includes(response.status)) {
      return { status: response.status, text: oneLine(text), body };
    }
    throw this.#refused(response.status, body);
  }

  /** Items of a list, page by page. */
  async *pages(options: PageOptions): AsyncGenerator<ListedItem[]> {
    const { path, member, query = {}, limit, nextAs = 'after' } = options;
    const pageSize = options.pageSize ?? PAGE_ITEMS;
    let left = limit ?? Number.POSITIVE_INFINITY;
    let next: string | number | null = null;
    do {
      const part: Query = { ...query, limit: Math.min(left, pageSize) };
      const asked: Query =
        next === null ? { ...part, ...options.begin } : { ...part, [nextAs]: next };
      const { text, body } = await this.ask(path, { query: asked });
      options.onPage?.(body);
      const items = itemTexts(text, member).map((each) => ({ text: each, row: objectOf(each) }));
      yield items;
      left -= items.length;
      const after: unknown = body['next'];
      // A node that says the same place again would be asked for ever.
      next =
        (typeof after === 'string' || typeof after === 'number') &&
        after !== next &&
        (items.length > 0 || options.mayBeEmpty === true)
          ? after
          : null;
    } while (next !== null && left > 0);
  }

  /** The body of an answer as it comes. */
  async stream(path: string, request: ApiRequest): Promise<AsyncIterable<Uint8Array>> {
    const response = await this.#fetch(path, request, 'endless');
    if (!response.ok || response.body === null) {
      throw this.#refused(response.status, objectOf(await this.#textOf(response)));
    }
    return this.#told(response.body);
  }

  async *#told(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* body;
    } catch (error) {
      throw this.#unreachable(error);
    }
  }

  async #fetch(
    path: string,
    request: ApiRequest,
    length: 'short' | 'endless' = 'short',
  ): Promise<Response> {
    const { method = 'GET', query = {}, body, headers = {}, signal } = request;
    const asked = Object.entries(query).flatMap(([name, value]) =>
      value === null ? [] : [[name, String(value)] as [string, string]],
    );
    const search = asked.length === 0 ? '' : `?${new URLSearchParams(asked)}`;
    const signals = [
      ...(signal === undefined ? [] : [signal]),
      ...(length === 'short' ? [AbortSignal.timeout(ANSWER_MS)] : []),
    ];
    const { apiKey } = this.#target;
    try {
      return await fetch(`${this.#target.url}${path}${search}`, {
        method,
        // The key is for this node, and for no other that it may name.
        redirect: 'manual',
        headers: {
          'user-agent': this.#userAgent,
          ...(apiKey === null ? {} : { 'x-api-key': apiKey }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined
          ? {}
          : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
        ...(signals.length === 0 ? {} : { signal: AbortSignal.any(signals) }),
      });
    } catch (error) {
      throw this.#unreachable(error);
    }
  }

  async #textOf({ body }: Response): Promise<string> {
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    if (body === null) return '';
    for await (const piece of this.#told(body)) {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes > ANSWER_BYTES_MAX) {
        throw new CommandFailure(1, `${this.url} answers more than ${ANSWER_BYTES_MAX} bytes`);
      }
    }
    return Buffer.concat(pieces).toString('utf8');
  }

  #unreachable(error: unknown): CommandFailure {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    const why = reasonOf(cause);
    return new CommandFailure(
      3,
      `cannot reach ${this.url}: ${why}; CONDUIT_URL says where a node is`,
      {
        code: 'unreachable',
        detail: why,
      },
    );
  }

  #refused(status: number, body: Row): CommandFailure {
    if (typeof body['code'] !== 'string') {
      const other = `${this.url} answers ${status}, and not as a node does; CONDUIT_URL says where a node is`;
      return new CommandFailure(exitOf(status), other, { code: 'no_node', status });
    }
    const { code, detail, field } = body;
    const place = typeof field === 'string' ? `${field}: ` : '';
    const line = `${place}${typeof detail === 'string' ? detail : ''} (${code})`;
    return new CommandFailure(exitOf(status), `${line}${adviceOf(status)}`, { ...body, status });
  }
}

function exitOf(status: number): ExitCode {
  if (status === 401 || status === 403) return 4;
  if (status === 404) return 5;
  return status === 429 || (status >= 502 && status <= 504) ? 3 : 1;
}

function adviceOf(status: number): string {
  return status === 401 ? '; CONDUIT_API_KEY is the key' : '';
}

/** {} for what is no object: a node always sends one. */
function objectOf(text: string): Row {
  if (text === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    if (!isRow(value)) return {};
    const payload = 'payload' in value ? memberText(text, 'payload') : null;
    return payload === null ? value : { ...value, payload: new JsonText(payload) };
  } catch {
    return {};
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'there is no such host',
  ECONNRESET: 'it closed the connection',
  UND_ERR_SOCKET: 'it closed the connection',
  EAI_AGAIN: 'the name server does not answer',
  EHOSTUNREACH: 'there is no way to that host',
};

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${ANSWER_MS / 1_000} s`;
  if (error.name === 'AbortError') return 'it was broken off';
  const code = 'code' in error ? String(error.code) : '';
  return REASONS[code] ?? (error.message === '' ? code : error.message);
}
