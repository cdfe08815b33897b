/** Requests to the node that serves this page. What fails is an ApiError with the node's code and advice. */
import { takeBegun } from './begun.js';
import { parseJson } from './json.js';

export class ApiError extends Error {
  /** Of the answer; 0: none came. */
  readonly status: number;
  /** Stable, see docs/errors.md; `unreachable`: no answer came. */
  readonly code: string;
  /** Of what was sent that is at fault; null: none. */
  readonly field: string | null;
  readonly requestId: string | null;

  constructor(
    text: string,
    of: { status: number; code: string; field?: string; requestId?: string },
  ) {
    super(text);
    this.status = of.status;
    this.code = of.code;
    this.field = of.field ?? null;
    this.requestId = of.requestId ?? null;
  }
}

/** Tells of each request that was refused since nobody is logged in any more. */
export const refusals = new EventTarget();
export const UNAUTHORIZED = 'unauthorized';

interface Problem {
  code?: string;
  detail?: string;
  field?: string;
  request_id?: string;
}

export interface AskOptions {
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** `line`: method and target. The answer's JSON; undefined for one without a body. */
export async function ask<T>(line: string, options: AskOptions = {}): Promise<T> {
  const begun = await takeBegun(line);
  if (begun !== null) return parseJson(begun) as T;
  const answer = await send(line, options);
  if (answer.status === 204) return undefined as T;
  const text = await answer.text();
  if (answer.ok) return parseJson(text) as T;
  throw problemOf(answer.status, text);
}

/** The same, with the status: health tells what is wrong in a 503. */
export async function askEither<T>(line: string, options: AskOptions = {}): Promise<T> {
  const answer = await send(line, options);
  const text = await answer.text();
  const type = answer.headers.get('content-type') ?? '';
  if (type.startsWith('application/json')) return parseJson(text) as T;
  throw problemOf(answer.status, text);
}

async function send(line: string, { body, headers, signal }: AskOptions): Promise<Response> {
  const [method = 'GET', target = '/'] = line.split(' ');
  const init: RequestInit = { method, headers: { accept: 'application/json', ...headers } };
  if (body !== undefined) {
    init.body = typeof body === 'string' ? body : JSON.stringify(body);
    init.headers = { 'content-type': 'application/json', ...init.headers };
  }
  if (signal !== undefined) init.signal = signal;
  try {
    const answer = await fetch(target, init);
    if (answer.status === 401) refusals.dispatchEvent(new Event(UNAUTHORIZED));
    return answer;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError('the node does not answer', { status: 0, code: 'unreachable' });
  }
}

function problemOf(status: number, text: string): ApiError {
  let problem: Problem = {};
  try {
    problem = JSON.parse(text) as Problem;
  } catch {
    problem = { detail: `status ${status}` };
  }
  const { code = `http_${status}`, detail = code, field, request_id: requestId } = problem;
  return new ApiError(field === undefined ? detail : `${field}: ${detail}`, {
    status,
    code,
    ...(field === undefined ? {} : { field }),
    ...(requestId === undefined ? {} : { requestId }),
  });
}

/** Leaves out what is empty. */
export function withQuery(path: string, query: Record<string, string | number | null>): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== '') params.set(name, String(value));
  }
  const text = params.toString();
  return text === '' ? path : `${path}?${text}`;
}
