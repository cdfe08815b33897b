/**
 * The documents of the API as they are served: made when the first of them is asked for, a route in a turn,
 * and kept. The limits in force stand in them, and nothing that not anybody may know: they are open to all.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { Limits } from '../../core/limits.js';
import type { Route } from '../http/route.js';
import { asyncApiOf } from './asyncapi.js';
import { openApiOf } from './openapi.js';
import { pageOf } from './page.js';
import { PAGE_HEADERS } from './page-style.js';

export interface ApiDocuments {
  readonly openApi: Uint8Array;
  readonly asyncApi: Uint8Array;
  readonly page: Uint8Array;
  /** What the page tells a browser, in the place of what other answers do. */
  readonly pageHeaders: readonly Uint8Array[];
}

export interface DocumentsOptions {
  /** All of them, theirs among them. */
  routes: () => readonly Route[];
  limits: Limits;
  version: string;
}

/** Makes them once, however often it is called. */
export function documentsOf(options: DocumentsOptions): () => Promise<ApiDocuments> {
  let made: Promise<ApiDocuments> | null = null;
  return () => {
    made ??= makeDocuments(options);
    return made;
  };
}

async function makeDocuments({ routes, limits, version }: DocumentsOptions): Promise<ApiDocuments> {
  const openApi = await openApiOf({ routes: routes(), version });
  await turn();
  const asyncApi = asyncApiOf({ limits, version });
  await turn();
  const page = pageOf({ openApi, asyncApi });
  await turn();
  const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8');
  return {
    openApi: bytes(JSON.stringify(openApi)),
    asyncApi: bytes(JSON.stringify(asyncApi)),
    page: bytes(page),
    pageHeaders: PAGE_HEADERS,
  };
}
