/**
 * One route of HTTP: what it takes and answers, in schemas, and who does it. A route made by `route` gets its
 * request checked and gives back what is answered; one made by `rawRoute` reads its body and answers by
 * itself. Whatever is to be known of a route is known here: nothing else lists them.
 */
import type { HttpRequest } from 'uWebSockets.js';
import type { z } from 'zod';
import type { ErrorCode } from '../../core/errors.js';
import { type Limits, variableOf } from '../../core/limits.js';
import type { Principal, Scope } from '../../core/principal.js';
import { parseJsonBody } from '../../wire/json-body.js';
import { BODY } from '../../wire/schemas/refusal.js';
import type { Bodies } from './bodies.js';
import { bodyType, refuseRepeated } from './body-type.js';
import type { Exchange } from './exchange.js';
import { readPath, readQuery, readValue } from './request-parts.js';

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';
/** What a key must be good for; `anyone`: it asks for none. */
export type RouteScope = Scope | 'anyone';
/** By status; null: that one has no body, or none that JSON describes. */
export type AnswerSchemas = Readonly<Record<number, z.ZodType | null>>;
type Parts = z.ZodObject | null;
type Body = z.ZodType | null;

export interface RouteSpec<P extends Parts, Q extends Parts, B extends Body, A> {
  readonly method: Method;
  /** With `:name` for each member of `params`, in their order. */
  readonly path: string;
  readonly scope: RouteScope;
  /** What it does, in a sentence. */
  readonly text: string;
  /** Null: the path has none. */
  readonly params: P;
  /** Null: it takes none, and none is looked at. */
  readonly query: Q;
  /** Null: it takes none, and none is read. */
  readonly body: B;
  /** Bounds the body; FRAME_BYTES_MAX without it. */
  readonly bodyLimit?: 'publishBodyBytesMax' | 'batchBodyBytesMax';
  readonly answer: A;
  /** Of its own: those that its parts bring with them are added (errorsOf). */
  readonly errors: readonly ErrorCode[];
}

type Read<S> = S extends z.ZodType ? z.output<S> : null;

interface Place<P, Q> {
  readonly params: Read<P>;
  readonly query: Read<Q>;
}

export interface Asked<P, Q, B> extends Place<P, Q> {
  readonly principal: Principal;
  readonly body: Read<B>;
}

/** Bytes are JSON already. */
type Given<S> = S extends z.ZodType ? z.input<S> | Uint8Array : undefined;

interface Checked<P extends Parts, Q extends Parts, B extends Body, A extends AnswerSchemas>
  extends RouteSpec<P, Q, B, A> {
  handle(asked: Asked<P, Q, B>): Promise<Given<A[keyof A]>>;
}

interface Raw<P extends Parts, Q extends Parts, B extends Body, A extends AnswerSchemas>
  extends RouteSpec<P, Q, B, A> {
  /** `req` is valid until it returns. What it throws, now or later, is answered. */
  serve(exchange: Exchange, req: HttpRequest, asked: Place<P, Q>): Promise<void> | void;
}

/** Of the acceptor, for all routes. */
export interface RouteMeans {
  readonly bodies: Bodies;
  readonly limits: Limits;
  /** For what is not the client's fault. */
  readonly onFault: (error: unknown) => void;
}

export interface Route extends RouteSpec<Parts, Parts, Body, AnswerSchemas> {
  /** Throws RequestError, or a bug, where it was not answered yet. */
  readonly run: (exchange: Exchange, req: HttpRequest, means: RouteMeans) => void;
}

interface AnyChecked extends RouteSpec<Parts, Parts, Body, AnswerSchemas> {
  handle(asked: Asked<Parts, Parts, Body>): Promise<unknown>;
}
type AnyRaw = Raw<Parts, Parts, Body, AnswerSchemas>;
type Run = Route['run'];

export function route<
  P extends Parts,
  Q extends Parts,
  B extends Body,
  const A extends AnswerSchemas,
>(spec: Checked<P, Q, B, A>): Route {
  return withRun(spec, runOf(spec));
}

export function rawRoute<
  P extends Parts,
  Q extends Parts,
  B extends Body,
  const A extends AnswerSchemas,
>(spec: Raw<P, Q, B, A>): Route {
  return withRun(spec, rawRunOf(spec));
}

/** Fails at the start for a path and `params` that differ: its handler would be given nothing. */
function withRun(spec: RouteSpec<Parts, Parts, Body, AnswerSchemas>, run: Run): Route {
  const named = Object.keys(spec.params?.shape ?? {});
  const inPath = [...spec.path.matchAll(/:(\w+)/g)].map(([, name]) => name);
  if (named.join() === inPath.join()) return { ...spec, run };
  throw new Error(`${spec.path} has ${inPath.join()}, its params ${named.join()}`);
}

function runOf(spec: AnyChecked): Run {
  const status = Number(Object.keys(spec.answer)[0]);
  return (exchange, req, means) => {
    const { principal } = exchange;
    const place = readPlace(spec, req);
    const answer = (body: unknown): void => {
      const given = spec.handle({ principal, ...place, body });
      settle(exchange, given.then(answerWith(exchange, status)), means);
    };
    if (spec.body === null) answer(null);
    else readBody(exchange, req, { spec, schema: spec.body, means, use: answer });
  };
}

function rawRunOf(spec: AnyRaw): Run {
  // A publish makes no object here.
  const nothing = { params: null, query: null };
  const isPlain = spec.params === null && spec.query === null;
  return (exchange, req, means) => {
    const asked = isPlain ? nothing : readPlace(spec, req);
    const served = spec.serve(exchange, req, asked);
    if (served !== undefined) settle(exchange, served, means);
  };
}

function readPlace(
  { params, query }: Pick<Route, 'params' | 'query'>,
  req: HttpRequest,
): Place<Parts, Parts> {
  return {
    params: params === null ? null : readPath(params, req),
    query: query === null ? null : readQuery(query, req.getQuery() ?? ''),
  };
}

interface BodyReading {
  spec: Pick<Route, 'bodyLimit'>;
  schema: z.ZodType;
  means: RouteMeans;
  use: (body: unknown) => void;
}

function readBody(exchange: Exchange, req: HttpRequest, reading: BodyReading): void {
  refuseRepeated(req);
  bodyType(req, ['json']);
  const { spec, schema, means, use } = reading;
  const limit = spec.bodyLimit ?? 'frameBytesMax';
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
