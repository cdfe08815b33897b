/**
 * One HTTP request and its answer. It knows whether the client is still there, so that an answer that
 * comes late is dropped, never written to a dead response; and whether a stream has begun, so that what
 * fails then breaks it off: nobody may take half a stream, or an error inside one, for the whole.
 */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import type { AuditAction } from '../../core/audit-record.js';
import { ERRORS, type ErrorCode, RequestError } from '../../core/errors.js';
import { NOBODY, type Principal } from '../../core/principal.js';
import { isRequestId } from '../../core/request-id.js';
import { formatUuid, makeUuidV7 } from '../../core/uuid.js';
import type { QuotaLedger } from '../../tenant/quota-ledger.js';
import { type ProblemCause, problemBody, retryAfterSeconds } from '../../wire/problem.js';
import { type AuditedAs, AuditNote, type AuditSink, refusalOf } from './audit-note.js';
import type { Callers } from './callers.js';
import type { OnFault } from './guard.js';
import {
  CONNECTION,
  CONTENT_LENGTH,
  CONTENT_TYPE_OUT,
  JSON_TYPE,
  ORIGIN,
  ORIGIN_OUT,
  RATE_LIMIT,
  RATE_LIMIT_POLICY,
  REQUEST_ID,
  VARY,
} from './header-bytes.js';
import { HeldBody, type HeldBytes, type OnData, tooManyBodies } from './held-body.js';
import { LONG_ANSWER_BYTES, type PacedAnswers } from './paced-answers.js';
import { type Proxies, socketAddress } from './proxies.js';
import { SECURITY_HEADERS } from './security-headers.js';
import { StreamPieces } from './stream-pieces.js';
import type { Traffic } from './traffic.js';

const STATUS: Readonly<Record<number, string>> = {
  201: '201 Created',
  202: '202 Accepted',
  204: '204 No Content',
  400: '400 Bad Request',
  401: '401 Unauthorized',
  403: '403 Forbidden',
  404: '404 Not Found',
  405: '405 Method Not Allowed',
  408: '408 Request Timeout',
  409: '409 Conflict',
  413: '413 Payload Too Large',
  415: '415 Unsupported Media Type',
  422: '422 Unprocessable Entity',
  426: '426 Upgrade Required',
  429: '429 Too Many Requests',
  500: '500 Internal Server Error',
  503: '503 Service Unavailable',
};

/** RFC 6750. */
const CHALLENGE: HeaderList = ['WWW-Authenticate', 'Bearer realm="conduit"'];
const CLOSE = 'close';
const PROBLEM_TYPE = 'application/problem+json';
const EXPOSED = 'X-Request-Id, Retry-After, RateLimit, RateLimit-Policy';

/** Extra headers of an answer, name then value, in turn. */
export type HeaderList = readonly (string | Uint8Array)[];

/** Of the acceptor, for all of its exchanges. */
export interface ExchangeParts {
  callers: Callers;
  proxies: Pick<Proxies, 'forwardedFor'>;
  answers: PacedAnswers;
  audit: AuditSink;
  quotas: Pick<QuotaLedger, 'of'>;
  traffic: Traffic;
}

/** What stands above the body of an answer. */
export interface AnswerHead {
  readonly type: string | Uint8Array | null;
  readonly headers: HeaderList | null;
}

const JSON_HEAD: AnswerHead = { type: JSON_TYPE, headers: null };

export class Exchange {
  readonly res: HttpResponse;
  /** As sent, digits; '' when it has none. */
  readonly contentLength: string;
  /** Of the page that sent it; '' when none did. */
  readonly origin: string;
  /** Who asks, once that is known. */
  principal: Principal = NOBODY;
  /** The key, token or login that says so; '': it showed none. */
  shown = '';
  /** Whether something has been stored by the time of its answer. */
  kind: 'reads' | 'writes' = 'reads';
  /** Withheld: the request is a HEAD. */
  body: 'sent' | 'withheld' = 'sent';
  /** What its answer tells a browser, unless it writes. */
  secured: readonly Uint8Array[] = SECURITY_HEADERS;
  /** What it asks for; null: nothing that has a route. */
  asks: AuditedAs | null = null;
  /** What the audit log will be told of it; null: nothing, or only that it was refused. */
  note: AuditNote | null = null;
  readonly #parts: ExchangeParts;
  /** Whose request it is where that is not the socket's; null: it is. */
  readonly #forwardedFor: string | null;
  /** The client asked for it: what stands behind this request is none. */
  readonly #closes: boolean;
  #state: 'open' | 'streaming' | 'answered' | 'aborted' = 'open';
  #onGone: (() => void) | null = null;
  /** Its body, while it is being found out who asks. */
  #held: HeldBody | null = null;
  /** Of a stream. */
  #pieces: StreamPieces | null = null;
  #requestId: string;
  /** Monotonic ms. */
  readonly #startedMs: number = performance.now();

  constructor(res: HttpResponse, req: HttpRequest, parts: ExchangeParts) {
    this.res = res;
    this.contentLength = req.getHeader(CONTENT_LENGTH);
    this.origin = req.getHeader(ORIGIN);
    this.#requestId = req.getHeader(REQUEST_ID);
    this.#parts = parts;
    this.#forwardedFor = parts.proxies.forwardedFor(res, req);
    this.#closes = req.getHeader(CONNECTION).toLowerCase() === CLOSE;
    res.onAborted(() => {
      this.#state = 'aborted';
      this.#onGone?.();
    });
  }

  /** Whether an answer can still be given, or its stream goes on. */
  get isOpen(): boolean {
    return this.#state === 'open' || this.#state === 'streaming';
  }

  /** What an error, the log and the audit log call this request by: what the client says, or a UUID. */
  get requestId(): string {
    if (!isRequestId(this.#requestId)) this.#requestId = formatUuid(makeUuidV7(Date.now(), 0));
    return this.#requestId;
  }

  /** Of the client; '': it is gone. */
  get address(): string {
    return this.#forwardedFor ?? (this.isOpen ? socketAddress(this.res) : '');
  }

  /** The audit log is to be told what comes of it. `object`: the names in its path. */
  audited(action: AuditAction, object: string): void {
    const { audit: sink } = this.#parts;
    const { principal, address } = this;
    this.note = new AuditNote({ sink, action, principal, address, object });
  }

  /** It showed the id of this one's key, with another secret. */
  refusedAs(owner: Principal): void {
    if (this.asks === null) return;
    const { address, requestId } = this;
    const refusal = refusalOf({ principal: owner, address, requestId }, this.asks);
    this.#parts.audit.add({ ...refusal, outcome: 'unauthorized' });
  }

  /** Called when the client goes away before, or during, the answer. */
  set onGone(callback: () => void) {
    this.#onGone = callback;
  }

  /** What comes of its body waits for `onData`. */
  holdBody(held: HeldBytes): void {
    this.#held = new HeldBody(this.res, held, () => this.failAndClose(tooManyBodies()));
  }

  /** Its body, as uWebSockets gives it. */
  onData(use: OnData): void {
    if (this.#held === null) this.res.onData(use);
    else this.#held.read(use);
  }

  /** What of it nobody has read by now nobody will. */
  dropHeld(): void {
    this.#held?.giveUp();
  }

  /** JSON unless `head` says otherwise. False: nobody is there, or there was no room, which was answered. */
  reply(status: number, body: string | Uint8Array, head = JSON_HEAD): boolean {
    if (this.note !== null && status < 400) this.note.ended('ok', this.requestId);
    if (body.length > LONG_ANSWER_BYTES && this.body === 'sent') {
      const bytes = typeof body === 'string' ? Buffer.from(body) : body;
      return this.#replyLong(bytes, status, () => this.#head(status, head));
    }
    if (!this.#mayAnswer(status)) return false;
    if (!this.#closes) this.#send(status, body, head);
    else {
      const kept = typeof body === 'string' ? body : Buffer.from(body);
      this.#afterSegment(() => this.#send(status, kept, head));
    }
    return true;
  }

  /** At the pace of the client. */
  #replyLong(body: Uint8Array, status: number, head: () => void): boolean {
    const { answers } = this.#parts;
    if (this.isOpen && !answers.hasRoom(body.length, this.kind)) {
      const detail = 'too many answers wait for clients that do not read (UNREAD_ANSWER_BYTES_MAX)';
      const code = this.kind === 'writes' ? 'outcome_unknown' : 'busy';
      this.fail(new RequestError(code, detail));
      return false;
    }
    if (!this.#mayAnswer(status)) return false;
    const onGone = this.#onGone;
    const send = (): void => {
      const forget = answers.send(this.res, body, head);
      this.#onGone = () => {
        forget();
        onGone?.();
      };
    };
    if (this.#closes) this.#afterSegment(send);
    else send();
    return true;
  }

  #send(status: number, body: string | Uint8Array, head: AnswerHead): void {
    this.res.cork(() => {
      this.#head(status, head);
      if (this.body === 'sent') this.res.end(body);
      // uWS takes the connection for busy after a length without a body: it must not be reused.
      else this.res.endWithoutBody(Buffer.byteLength(body), true);
    });
  }

  json(status: number, value: unknown): void {
    this.reply(status, JSON.stringify(value));
  }

  noContent(headers: HeaderList | null = null): void {
    this.note?.ended('ok', this.requestId);
    if (!this.#mayAnswer(204)) return;
    const send = (): void => {
      this.res.cork(() => {
        this.#head(204, { type: null, headers });
        this.res.endWithoutBody();
      });
    };
    if (this.#closes) this.#afterSegment(send);
    else send();
  }

  fail(error: RequestError, headers: HeaderList = []): void {
    this.failWith(causeOf(error), headers);
  }

  /** Whatever was thrown: what is no RequestError is told to `onFault`, and not to the client. */
  failAs(error: unknown, onFault: OnFault): void {
    if (!(error instanceof RequestError)) onFault(error, this.requestId);
    this.fail(error instanceof RequestError ? error : faultOfOurs());
  }

  /** What failed as it comes over the link. */
  failWith(error: ProblemCause, headers: HeaderList = []): void {
    const { status, temporary } = ERRORS[error.code];
    this.#failed(error.code);
    const retry = temporary ? ['Retry-After', String(retryAfterSeconds(error.code))] : [];
    const challenge = status === 401 ? CHALLENGE : [];
    const told = ['X-Request-Id', this.requestId, ...retry, ...challenge, ...headers];
    this.reply(status, problemBody(error, this.requestId), { type: PROBLEM_TYPE, headers: told });
  }

  /**
   * Answers and closes the connection: what is still on its way is not read, and no request behind this
   * one runs.
   */
  failAndClose(error: RequestError): void {
    this.#failed(error.code);
    const { status } = ERRORS[error.code];
    if (this.#mayAnswer(status)) this.#afterSegment(() => this.#lastAnswer(error));
  }

  /**
   * For the last answer on a connection. uWS goes on with a request that came in the same segment as soon
   * as this one is answered, and closes the connection when it is not.
   */
  #afterSegment(send: () => void): void {
    setImmediate(() => {
      if (this.#state === 'answered') send();
    });
  }

  #lastAnswer(error: RequestError): void {
    const body = problemBody(causeOf(error), this.requestId);
    this.res.cork(() => {
      const headers = ['X-Request-Id', this.requestId];
      this.#head(ERRORS[error.code].status, { type: PROBLEM_TYPE, headers });
      // Without a body: uWS for Node 20 does not close after endWithoutBody.
      this.res.end(this.body === 'sent' ? body : '', true);
    });
  }

  /**
   * Sends the headers of a stream. From here on an answer, a failure above all, breaks the connection
   * off. `onWritable`: there is room again. False: nothing is to follow, the request is a HEAD.
   */
  startStream(type: string, headers: HeaderList, onWritable: () => void): boolean {
    if (!this.#mayAnswer(200)) return false;
    if (this.body === 'withheld') {
      // First: whoever reads the answer finds the place of this one free.
      this.#onGone?.();
      this.res.cork(() => {
        this.#head(200, { type, headers });
        this.res.endWithoutBody();
      });
      return false;
    }
    this.res.cork(() => this.#head(200, { type, headers }));
    this.#state = 'streaming';
    this.#pieces = new StreamPieces(this.res);
    this.res.onWritable(() => {
      onWritable();
      return true;
    });
    return true;
  }

  /** More of the stream; false: uWS had to keep some of it. Not empty: that would end the stream. */
  write(text: string | Uint8Array): boolean {
    if (this.#state !== 'streaming' || text.length === 0) return true;
    return this.#pieces?.write(text) ?? true;
  }

  /** The stream is whole. */
  endStream(): void {
    if (this.#state !== 'streaming') return;
    this.#state = 'answered';
    this.res.cork(() => this.res.end());
    this.#onGone?.();
  }

  /** The stream goes no further, and the client is to see that it is not whole. */
  breakOff(): void {
    if (this.#state !== 'streaming') return;
    this.#state = 'aborted';
    // Without the last chunk. It runs onAborted.
    this.res.close();
  }

  /** Of what is audited the audit log is told why it failed; of all else, that it was refused. */
  #failed(outcome: ErrorCode): void {
    this.#parts.traffic.refused(outcome);
    if (this.note !== null) this.note.ended(outcome, this.requestId);
    else if (outcome === 'forbidden' && this.asks !== null) {
      this.#parts.audit.add({ ...refusalOf(this, this.asks), outcome });
    }
  }

  /** Whether this answer may be given; it has to be, then. One for a stream under way breaks it off. */
  #mayAnswer(status: number): boolean {
    if (this.#state === 'streaming') this.breakOff();
    if (this.#state !== 'open') return false;
    this.#state = 'answered';
    this.#parts.traffic.answered(this.asks, status, this.#startedMs);
    return true;
  }

  #head(status: number, { type, headers }: AnswerHead): void {
    // uWS writes 200 by itself.
    if (status !== 200) this.res.writeStatus(STATUS[status] ?? String(status));
    // An error says it by itself.
    if (this.note !== null && status < 400) this.res.writeHeader('X-Request-Id', this.requestId);
    if (type !== null) this.res.writeHeader(CONTENT_TYPE_OUT, type);
    if (headers !== null) this.#writeHeaders(headers);
    const { callers, quotas } = this.#parts;
    // Who is nobody is shown no tenant's.
    const use = this.principal === NOBODY ? undefined : quotas.of(this.principal.tenant);
    if (use?.policy != null) {
      this.res.writeHeader(RATE_LIMIT_POLICY, use.policy);
      this.res.writeHeader(RATE_LIMIT, use.remaining);
    }
    if (this.kind === 'reads') this.#writeHeaders(this.secured);
    if (callers.tellsOrigins) this.res.writeHeader(VARY, ORIGIN_OUT);
    const shared = this.origin === '' ? null : callers.shareWith(this.origin);
    if (shared === null) return;
    this.res.writeHeader('Access-Control-Allow-Origin', shared);
    this.res.writeHeader('Access-Control-Expose-Headers', EXPOSED);
  }

  #writeHeaders(headers: HeaderList): void {
    for (let i = 0; i < headers.length; i += 2) {
      this.res.writeHeader(headers[i] ?? '', headers[i + 1] ?? '');
    }
  }
}

function causeOf({ code, message, field }: RequestError): ProblemCause {
  return { code, detail: message, field: field ?? null };
}

/** What a client is told of a bug. */
export function faultOfOurs(): RequestError {
  return new RequestError('internal', 'a fault of the server; it was logged');
}
