/**
 * One route of HTTP: what it takes and answers, in schemas, and who does it. What a maker of `routesOf` makes
 * gets its request checked and gives back what is answered; what one of `rawRoutesOf` makes reads its body
 * and answers by itself. Whatever is to be known of a route is known here: nothing else lists them.
 */
import type { HttpRequest } from 'uWebSockets.js';
import type { z } from 'zod';
import type { AuditAction } from '../../core/audit-record.js';
import type { ErrorCode } from '../../core/errors.js';
import { type Limits, variableOf } from '../../core/limits.js';
import type { Principal } from '../../core/principal.js';
import type { NeededScope } from '../../core/scope.js';
import { parseJsonBody } from '../../wire/json-body.js';
import { BODY } from '../../wire/schemas/refusal.js';
import type { AuditNote } from './audit-note.js';
import type { Bodies } from './bodies.js';
import { type BodyType, bodyType, refuseRepeated } from './body-type.js';
import type { AskedBy } from './callers.js';
import type { Exchange } from './exchange.js';
import type { OnFault } from './guard.js';
import { readPath, readQuery, readValue } from './request-parts.js';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
/** Method and path, with `:name` for each member of `params`, in their order. */
export type RouteHead = `${Method} /${string}`;
/** By status; null: that one has no body, or none that JSON describes. */
export type AnswerSchemas = Readonly<Record<number, z.ZodType | null>>;
type Parts = z.ZodObject | null;
type Body = z.ZodType | null;
type BodyLimit = 'frameBytesMax' | 'publishBodyBytesMax' | 'batchBodyBytesMax';

/** What several routes have in common. */
export interface RouteKind<P extends Parts> {
  /** What the key of whoever asks must be good for. */
  readonly scope: NeededScope;
  /** Absent: their paths have none. */
  readonly params?: P;
  readonly errors?: readonly ErrorCode[];
}

/** What each has for itself. */
interface Own<Q extends Parts, B extends Body, A> {
  /** What the audit log calls what it does; absent: it is not told, unless it was refused. */
  readonly audit?: AuditAction;
  /** Of one that asks for no key: somebody with one is answered more. */
  readonly withKey?: 'more';
  /** Absent: it takes none, and none is looked at. */
  readonly query?: Q;
  /** Absent: it takes none, and none is read. */
  readonly body?: B;
  /** Of the body; FRAME_BYTES_MAX without it. */
  readonly bodyLimit?: BodyLimit;
  /** Whose pages may ask; absent: anyone's where it is a GET, else those that are let in. */
  readonly askedBy?: AskedBy;
  readonly answer: A;
  /** Content types of the body; absent: JSON alone. */
  readonly takes?: readonly BodyType[];
  /** Other content types of its first answer; null: of one that JSON does not describe. */
  readonly also?: Readonly<Record<string, z.ZodType | null>>;
  /** Headers that it looks at, beside those of all. */
  readonly headers?: z.ZodObject;
  /** Beside those of its kind, and those that its parts bring with them (errorsOf). */
  readonly errors?: readonly ErrorCode[];
}

type Read<S> = S extends z.ZodType ? z.output<S> : null;

interface Place<P, Q> {
  readonly params: Read<P>;
  readonly query: Read<Q>;
}

export interface Asked<P, Q, B> extends Place<P, Q> {
  readonly principal: Principal;
  readonly body: Read<B>;
  /** For whoever knows better than the path what it is about; null: it is not audited. */
  readonly note: AuditNote | null;
}

/** Bytes are JSON already. */
type Given<S> = S extends z.ZodType ? z.input<S> | Uint8Array : undefined;

interface Checked<P extends Parts, Q extends Parts, B extends Body, A extends AnswerSchemas>
  extends Own<Q, B, A> {
  handle(asked: Asked<P, Q, B>): Promise<Given<A[keyof A]>>;
}

type Before = (exchange: Exchange, req: HttpRequest) => void;

interface Raw<P extends Parts, Q extends Parts, B extends Body, A extends AnswerSchemas>
  extends Own<Q, B, A> {
  /** Looked at before it is known who asks. Throws RequestError. */
  readonly before?: Before;
  /** `req` is valid until it returns. What it throws, now or later, is answered. */
  serve(exchange: Exchange, req: HttpRequest, asked: Place<P, Q>): Promise<void> | void;
}

/** Of the acceptor, for all routes. */
export interface RouteMeans {
  readonly bodies: Bodies;
  readonly limits: Limits;
  /** For what is not the client's fault. */
  readonly onFault: OnFault;
}

interface Described {
  readonly method: Method;
  readonly path: string;
  readonly scope: NeededScope;
  readonly withKey: 'more' | null;
  readonly audit: AuditAction | null;
  /** What it does, in a sentence. */
  readonly text: string;
  readonly params: Parts;
  readonly query: Parts;
  readonly body: Body;
  readonly bodyLimit: BodyLimit;
  readonly askedBy: AskedBy;
  readonly answer: AnswerSchemas;
  readonly takes: readonly BodyType[];
  readonly also: Readonly<Record<string, z.ZodType | null>>;
  readonly headers: Parts;
  readonly errors: readonly ErrorCode[];
}

export interface Route extends Described {
  /** Null: nothing is looked at before it is known who asks. */
  readonly before: Before | null;
  /** Throws RequestError, or a bug, where it was not answered yet. */
  readonly run: (exchange: Exchange, req: HttpRequest, means: RouteMeans) => void;
}

type Handle = (asked: Asked<Parts, Parts, Body>) => Promise<unknown>;
type Serve = Raw<Parts, Parts, Body, AnswerSchemas>['serve'];
type Run = Route['run'];

/** `text`: what the route does, in a sentence. */
export function routesOf<P extends Parts = null>(kind: RouteKind<P>) {
  return <const A extends AnswerSchemas, Q extends Parts = null, B extends Body = null>(
    head: RouteHead,
    text: string,
    own: Checked<P, Q, B, A>,
  ): Route => {
    const described = describedOf(kind, { head, text }, own);
    const run = runOf(described, (asked) => own.handle(asked as Asked<P, Q, B>));
    return { ...described, before: null, run };
  };
}

/** The same, for those that answer by themselves. */
export function rawRoutesOf<P extends Parts = null>(kind: RouteKind<P>) {
  return <const A extends AnswerSchemas, Q extends Parts = null, B extends Body = null>(
    head: RouteHead,
    text: string,
    own: Raw<P, Q, B, A>,
  ): Route => {
    const described = describedOf(kind, { head, text }, own);
    return { ...described, before: own.before ?? null, run: rawRunOf(described, own.serve) };
  };
}

/** Fails at the start for a path and `params` that differ: the handler would be given nothing. */
function describedOf(
  kind: RouteKind<Parts>,
  { head, text }: { head: RouteHead; text: string },
  own: Own<Parts, Body, AnswerSchemas>,
): Described {
  const [method, path] = head.split(' ') as [Method, string];
  const { scope, params = null } = kind;
  const named = Object.keys(params?.shape ?? {});
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name);
  if (named.join() !== inPath.join()) {
    throw new Error(`${path} has ${inPath.join()}, its params ${named.join()}`);
  }
  const { query = null, body = null, bodyLimit = 'frameBytesMax', answer } = own;
  const { withKey = null, audit = null } = own;
  const { askedBy = method === 'GET' ? 'anyone' : 'page' } = own;
  const errors = [...(kind.errors ?? []), ...(own.errors ?? [])];
  const { takes = ['json'], also = {}, headers = null } = own;
  const taken = { params, query, body, bodyLimit, takes, headers };
  return { method, path, scope, askedBy, withKey, audit, text, ...taken, answer, also, errors };
}

function runOf(route: Described, handle: Handle): Run {
  const status = Number(Object.keys(route.answer)[0]);
  return (exchange, req, means) => {
    const { principal, note } = exchange;
    const place = readPlace(route, req);
    const answer = (body: unknown): void => {
      const given = handle({ principal, note, ...place, body });
      settle(exchange, given.then(answerWith(exchange, status)), means);
    };
    if (route.body === null) answer(null);
    else readBody(exchange, req, { route, schema: route.body, means, use: answer });
  };
}

function rawRunOf(route: Described, serve: Serve): Run {
  // A publish makes no object here.
  const nothing = { params: null, query: null };
  const isPlain = route.params === null && route.query === null;
  return (exchange, req, means) => {
    const asked = isPlain ? nothing : readPlace(route, req);
    const served = serve(exchange, req, asked);
    if (served !== undefined) settle(exchange, served, means);
  };
}

function readPlace(
  { params, query }: Pick<Described, 'params' | 'query'>,
  req: HttpRequest,
): Place<Parts, Parts> {
  return {
    params: params === null ? null : readPath(params, req),
    query: query === null ? null : readQuery(query, req.getQuery() ?? ''),
  };
}

interface BodyReading {
  route: Pick<Described, 'bodyLimit'>;
  schema: z.ZodType;
  means: RouteMeans;
  use: (body: unknown) => void;
}

function readBody(exchange: Exchange, req: HttpRequest, reading: BodyReading): void {
  refuseRepeated(req);
  bodyType(req, ['json']);
  const { schema, means, use } = reading;
  const limit = reading.route.bodyLimit;
  const bound = { bytesMax: means.limits[limit], name: variableOf(limit) };
  means.bodies.read(exchange, bound, (bytes) => {
    use(readValue(schema, parseJsonBody(bytes, means.limits.depthMax), BODY));
  });
}

function answerWith(exchange: Exchange, status: number): (given: unknown) => void {
  return (given) => {
    if (given === undefined) exchange.noContent();
    else if (given instanceof Uint8Array) exchange.reply(status, given);
    else exchange.json(status, given);
  };
}

function settle(exchange: Exchange, served: Promise<void>, { onFault }: RouteMeans): void {
  served.catch((error: unknown) => exchange.failAs(error, onFault));
}
