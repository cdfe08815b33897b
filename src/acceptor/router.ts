/**
 * The routes of HTTP, from one table: what a path answers, and with it 405, HEAD and OPTIONS. uWS calls
 * one handler per path here and the method is looked up after it, so no path can lack its 405.
 */
import type { HttpRequest, HttpResponse, TemplatedApp } from 'uWebSockets.js';
import { RequestError } from '../core/errors.js';
import { type Cors, Exchange } from './exchange.js';
import type { Guard } from './guard.js';

/** `segment`: the path's parameter; '' when it has none. */
export type RouteHandler = (exchange: Exchange, req: HttpRequest, segment: string) => void;

/** Methods in lower case. HEAD and OPTIONS come by themselves. */
export interface Route {
  path: string;
  methods: Readonly<Record<string, RouteHandler>>;
}

const PREFLIGHT_MAX_AGE_S = '600';

export function mountRoutes(
  app: TemplatedApp,
  routes: readonly Route[],
  { guard, cors }: { guard: Guard; cors: Cors },
): void {
  for (const { path, methods } of routes) {
    const allow = allowed(methods);
    const handler = guard.http(path, (res: HttpResponse, req: HttpRequest) => {
      const exchange = new Exchange(res, req, cors);
      const method = req.getMethod();
      const run = methods[method === 'head' ? 'get' : method];
      if (run !== undefined && (method !== 'head' || methods['get'] !== undefined)) {
        call(run, exchange, req);
      } else if (method === 'options') {
        exchange.noContent(preflight(allow));
      } else {
        const detail = `${path} takes ${allow}`;
        exchange.fail(new RequestError('method_not_allowed', detail), ['Allow', allow]);
      }
    });
    app.any(path, handler);
  }
  app.any(
    '/*',
    guard.http('/*', (res, req) => {
      const exchange = new Exchange(res, req, cors);
      exchange.fail(new RequestError('not_found', 'there is no such path'));
    }),
  );
}

function call(run: RouteHandler, exchange: Exchange, req: HttpRequest): void {
  try {
    run(exchange, req, req.getParameter(0) ?? '');
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    exchange.fail(error);
  }
}

function allowed(methods: Route['methods']): string {
  const names = Object.keys(methods).map((method) => method.toUpperCase());
  return [...names, ...(names.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ');
}

function preflight(allow: string): string[] {
  return [
    ...['Allow', allow, 'Access-Control-Allow-Methods', allow],
    ...[
      'Access-Control-Allow-Headers',
      'Content-Type, Authorization, X-API-Key, Idempotency-Key, Last-Event-ID',
    ],
    ...['Access-Control-Max-Age', PREFLIGHT_MAX_AGE_S],
  ];
}
