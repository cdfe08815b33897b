/**
 * The built dashboard, in memory: its page, and what the page loads. Read once, at the start of an acceptor;
 * a package without it answers as before. Files were compressed when they were built, and their names have
 * the hash of what they hold, so that a browser keeps them for good; the page names them, and is asked for
 * anew.
 */

import type { HttpRequest } from 'uWebSockets.js';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { RequestError } from '../../core/errors.js';
import { codingFor } from './accept-encoding.js';
import type { Exchange } from './exchange.js';
import { ASSET_HEADERS, pageHeaders } from './security-headers.js';

/** dist/dashboard, seen from dist/src/acceptor/http. */
export const DASHBOARD_FOLDER = fileURLToPath(new URL('../../../dashboard', import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};
/** The best first. */
const CODINGS = [
  { name: 'br', suffix: '.br' },
  { name: 'gzip', suffix: '.gz' },
] as const;

interface StaticFile {
  type: string;
  plain: Uint8Array;
  /** By their name in Accept-Encoding, the best first. */
  coded: readonly { name: string; bytes: Uint8Array }[];
}

export class StaticFiles {
  /** Null: the dashboard was not built. */
  readonly #page: StaticFile | null;
  readonly #pageHeaders: readonly Uint8Array[];
  /** What its page loads first; null: there is none. */
  readonly entry: string | null;
  /** By name. */
  readonly #assets = new Map<string, StaticFile>();

  constructor(folder: string) {
    const page = path.join(folder, 'index.html');
    this.#page = existsSync(page) ? readFile(page) : null;
    const text = this.#page === null ? '' : Buffer.from(this.#page.plain).toString('utf8');
    this.entry = /<script [^>]*src="([^"]+)"/.exec(text)?.[1] ?? null;
    this.#pageHeaders = pageHeaders(this.#page === null ? [] : scriptHashes(this.#page.plain));
    if (this.#page === null) return;
    const assets = path.join(folder, 'assets');
    for (const name of readdirSync(assets)) {
      if (TYPES[path.extname(name)] === undefined) continue;
      this.#assets.set(name, readFile(path.join(assets, name)));
    }
  }

  /**
   * Answers with the page whoever wants one: a browser that was pointed to this path. False: it was not
   * answered. Paths of the API are never pages.
   */
  readonly page = (exchange: Exchange, req: HttpRequest): boolean => {
    if (this.#page === null || !wantsPage(req)) return false;
    exchange.secured = this.#pageHeaders;
    send(exchange, req, this.#page);
    return true;
  };

  /** Throws `not_found`. */
  answerAsset(exchange: Exchange, req: HttpRequest, name: string): void {
    const file = this.#assets.get(name);
    if (file === undefined) {
      const detail = 'there is no such file; reload a page that was open while the node changed';
      throw new RequestError('not_found', detail);
    }
    exchange.secured = ASSET_HEADERS;
    send(exchange, req, file);
  }
}

function wantsPage(req: HttpRequest): boolean {
  const method = req.getMethod();
  if (method !== 'get' && method !== 'head') return false;
  if (/^\/(api|assets|internal|ws|metrics|livez|readyz)(\/|$)/.test(req.getUrl())) return false;
  return req.getHeader('accept').includes('text/html');
}

function send(exchange: Exchange, req: HttpRequest, { type, plain, coded }: StaticFile): void {
  const name = codingFor(
    req.getHeader('accept-encoding'),
    coded.map((one) => one.name),
  );
  const best = coded.find((one) => one.name === name);
  const coding = best === undefined ? [] : ['Content-Encoding', best.name];
  const headers = [...coding, 'Vary', 'Accept, Accept-Encoding'];
  exchange.reply(200, best?.bytes ?? plain, { type, headers });
}

function readFile(file: string): StaticFile {
  const coded = CODINGS.flatMap(({ name, suffix }) =>
    existsSync(file + suffix) ? [{ name, bytes: readFileSync(file + suffix) }] : [],
  );
  const type = TYPES[path.extname(file)] ?? 'application/octet-stream';
  return { type, plain: readFileSync(file), coded };
}

/** Of the scripts that stand in the page, as a policy names them. */
function scriptHashes(page: Uint8Array): string[] {
  const scripts = Buffer.from(page)
    .toString('utf8')
    .matchAll(/<script>([\s\S]*?)<\/script>/g);
  return [...scripts].map(
    ([, text = '']) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`,
  );
}
