/**
 * Mounts the table of routes: what a path answers, and with it 405, HEAD and OPTIONS. Every path gets a
 * handler for any other method, so none can lack its 405. No route is mounted elsewhere.
 */
import type { HttpRequest, HttpResponse, TemplatedApp } from 'uWebSockets.js';
import { RequestError } from '../../core/errors.js';
import { NOBODY } from '../../core/principal.js';
import { isRefused } from './admission.js';
import { Exchange, type ExchangeParts } from './exchange.js';
import type { Gate } from './gate.js';
import type { Guard, OnFault } from './guard.js';
import { pathNames } from './request-parts.js';
import type { Method, Route, RouteMeans } from './route.js';

const METHODS: readonly Method[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const MOUNTS = {
  GET: 'get',
  POST: 'post',
  PUT: 'put',
  PATCH: 'patch',
  DELETE: 'del',
} as const;

const PREFLIGHT_MAX_AGE_S = '600';

/** Of the acceptor. */
export interface RouterParts {
  guard: Guard;
  gate: Gate;
  parts: ExchangeParts;
  means: RouteMeans;
  /** Answers browsers that want a page of what has no route; false: it was not answered. */
  page: (exchange: Exchange, req: HttpRequest) => boolean;
}

type Handler = (res: HttpResponse, req: HttpRequest) => void;

/** The routes of each path. */
export function routesByPath(routes: readonly Route[]): Map<string, Route[]> {
  const paths = new Map<string, Route[]>();
  for (const route of routes) {
    const others = paths.get(route.path) ?? [];
    if (others.some(({ method }) => method === route.method)) {
      throw new Error(`${route.method} ${route.path} is there twice`);
    }
    paths.set(route.path, [...others, route]);
  }
  return paths;
}

/** What a path takes, as Allow says it. */
export function methodsOf(routes: readonly Route[]): string {
  const names = routes.map(({ method }) => method);
  return [...names, ...(names.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ');
}

export function mountRoutes(app: TemplatedApp, routes: readonly Route[], by: RouterParts): void {
  const { guard, parts, page } = by;
  const { callers } = parts;
  for (const [path, ofPath] of routesByPath(routes)) {
    const other = otherMethods(path, ofPath, by);
    // All of them: else a path with a parameter in this place would take what this one does not.
    for (const method of METHODS) {
      const route = ofPath.find((one) => one.method === method);
      mountMethod(app, { method, path }, route === undefined ? other : handlerOf(route, by));
    }
    app.any(path, other);
  }
  app.any(
    '/*',
    guard.http('/*', (res, req) => {
      const exchange = new Exchange(res, req, parts);
      withholdFromHead(exchange, req);
      if (isRefused(exchange, req, { callers, asked: 'anyone' })) return;
      if (page(exchange, req)) return;
      exchange.fail(new RequestError('not_found', 'there is no such path'));
    }),
  );
}

/** Who asks is found out, and held to the scope of the route, here and nowhere else. */
function handlerOf(route: Route, { guard, gate, parts, means }: RouterParts): Handler {
  const { path, method, scope, audit, askedBy: asked, before } = route;
  const { callers } = parts;
  const onFault: OnFault = (error, requestId) => guard.caught(path, error, requestId);
  const parameters = Object.keys(route.params?.shape ?? {}).length;
  const serve = (exchange: Exchange, req: HttpRequest): void => {
    if (audit !== null) exchange.audited(audit, pathNames(req, parameters));
    try {
      exchange.principal.check(scope);
      route.run(exchange, req, means);
    } catch (error) {
      exchange.failAs(error, onFault);
    }
  };
  const asksKey = scope !== 'anyone' || route.withKey !== null;
  const asking = {
    parameters,
    body: method === 'GET' ? 'none' : 'held',
    without: scope === 'anyone' ? 'nobody' : 'refused',
  } as const;
  return guard.http(path, (res, req) => {
    const exchange = new Exchange(res, req, parts);
    exchange.asks = route;
    if (method === 'GET') withholdFromHead(exchange, req);
    if (isRefused(exchange, req, { callers, asked })) return;
    if (before !== null && !isPassed(exchange, onFault, () => before(exchange, req))) return;
    const principal = gate.known(exchange, req) ?? (asksKey ? null : NOBODY);
    if (principal === null) {
      gate.admit(exchange, req, { ...asking, serve: (kept) => serve(exchange, kept) });
      return;
    }
    exchange.principal = principal;
    serve(exchange, req);
  });
}

/** False: it threw, which is answered. */
function isPassed(exchange: Exchange, onFault: OnFault, check: () => void): boolean {
  try {
    check();
    return true;
  } catch (error) {
    exchange.failAs(error, onFault);
    return false;
  }
}

function withholdFromHead(exchange: Exchange, req: HttpRequest): void {
  if (req.getMethod() === 'head') exchange.body = 'withheld';
}

/** Answers 405, and OPTIONS. */
function otherMethods(path: string, routes: readonly Route[], by: RouterParts): Handler {
  const { guard, parts } = by;
  const { callers } = parts;
  const allow = methodsOf(routes);
  return guard.http(path, (res, req) => {
    const exchange = new Exchange(res, req, parts);
    withholdFromHead(exchange, req);
    if (isRefused(exchange, req, { callers, asked: 'anyone' })) return;
    if (req.getMethod() === 'options') exchange.noContent(preflight(allow));
    else {
      const detail = `${path} takes ${allow}`;
      exchange.fail(new RequestError('method_not_allowed', detail), ['Allow', allow]);
    }
  });
}

/** Each method is a route of its own to uWS, which tries it before `any`; HEAD goes with GET. */
function mountMethod(
  app: TemplatedApp,
  { method, path }: Pick<Route, 'method' | 'path'>,
  handler: Handler,
): void {
  app[MOUNTS[method]](path, handler);
  if (method === 'GET') app.head(path, handler);
}

function preflight(allow: string): string[] {
  return [
    ...['Allow', allow, 'Access-Control-Allow-Methods', allow],
    ...[
      'Access-Control-Allow-Headers',
      'Content-Type, Authorization, X-API-Key, Idempotency-Key, Last-Event-ID, X-Request-Id',
    ],
    ...['Access-Control-Max-Age', PREFLIGHT_MAX_AGE_S],
  ];
}
