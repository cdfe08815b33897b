/**
 * The routes of HTTP, from one table: what a path answers, and with it 405, HEAD and OPTIONS. Every
 * path gets a handler for any other method, so none can lack its 405.
 */
import type { HttpRequest, HttpResponse, TemplatedApp } from 'uWebSockets.js';
import { RequestError } from '../../core/errors.js';
import { isRefused } from './admission.js';
import type { Asked } from './callers.js';
import { Exchange, type ExchangeParts, faultOfOurs } from './exchange.js';
import type { Guard } from './guard.js';

/** `segment`, `second`: the path's parameters; '' when it has none. */
export type RouteHandler = (
  exchange: Exchange,
  req: HttpRequest,
  segment: string,
  second: string,
) => void;

/** Methods in lower case. HEAD and OPTIONS come by themselves. */
export interface Route {
  path: string;
  methods: Readonly<Record<string, RouteHandler>>;
}

const PREFLIGHT_MAX_AGE_S = '600';

export function mountRoutes(
  app: TemplatedApp,
  routes: readonly Route[],
  { guard, parts }: { guard: Guard; parts: ExchangeParts },
): void {
  const { callers } = parts;
  for (const { path, methods } of routes) {
    const allow = allowed(methods);
    const segments = path.split(':').length - 1;
    for (const [method, run] of Object.entries(methods)) {
      const asked: Asked = method === 'get' ? 'anyone' : 'page';
      const handler = guard.http(path, (res: HttpResponse, req: HttpRequest) => {
        const segment = segments > 0 ? (req.getParameter(0) ?? '') : '';
        const second = segments > 1 ? (req.getParameter(1) ?? '') : '';
        const withBody = method !== 'get' || req.getMethod() !== 'head';
        const exchange = new Exchange(res, req, parts, withBody);
        if (isRefused(exchange, req, { callers, asked })) return;
        try {
          run(exchange, req, segment, second);
        } catch (error) {
          if (!(error instanceof RequestError)) guard.caught(path, error);
          exchange.fail(error instanceof RequestError ? error : faultOfOurs());
        }
      });
      mountMethod(app, method, path, handler);
    }
    app.any(
      path,
      guard.http(path, (res, req) => {
        const exchange = new Exchange(res, req, parts, req.getMethod() !== 'head');
        if (isRefused(exchange, req, { callers, asked: 'anyone' })) return;
        if (req.getMethod() === 'options') exchange.noContent(preflight(allow));
        else {
          const detail = `${path} takes ${allow}`;
          exchange.fail(new RequestError('method_not_allowed', detail), ['Allow', allow]);
        }
      }),
    );
  }
  app.any(
    '/*',
    guard.http('/*', (res, req) => {
      const exchange = new Exchange(res, req, parts, req.getMethod() !== 'head');
      if (isRefused(exchange, req, { callers, asked: 'anyone' })) return;
      exchange.fail(new RequestError('not_found', 'there is no such path'));
    }),
  );
}

/** Each method is a route of its own to uWS, which tries it before `any`; HEAD goes with GET. */
function mountMethod(
  app: TemplatedApp,
  method: string,
  path: string,
  handler: (res: HttpResponse, req: HttpRequest) => void,
): void {
  if (method === 'get') {
    app.get(path, handler);
    app.head(path, handler);
  } else if (method === 'post') app.post(path, handler);
  else if (method === 'patch') app.patch(path, handler);
  else if (method === 'delete') app.del(path, handler);
  else throw new Error(`no route for ${method}`);
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
