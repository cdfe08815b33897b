/** The routes of the documents of the API. */
import type { ApiDocuments } from '../../description/documents.js';
import { type Route, rawRoutesOf } from '../../http/route.js';

const JSON_DOCUMENT = { type: 'application/json', headers: null };
const PAGE = { type: 'text/html; charset=utf-8', headers: null };

export interface DocumentTableParts {
  /** Made of all routes, these among them: asked for once they are served. */
  documents: () => Promise<ApiDocuments>;
}

export function documentTable({ documents }: DocumentTableParts): Route[] {
  const open = rawRoutesOf({ scope: 'anyone' });
  return [
    open('GET /api/openapi.json', 'Describes these requests: OpenAPI 3.1.', {
      answer: { 200: null },
      also: { 'application/json': null },
      serve: async (exchange) => {
        exchange.reply(200, (await documents()).openApi, JSON_DOCUMENT);
      },
    }),
    open('GET /api/asyncapi.json', 'Describes the frames of WebSockets and streams: AsyncAPI 3.', {
      answer: { 200: null },
      also: { 'application/json': null },
      serve: async (exchange) => {
        exchange.reply(200, (await documents()).asyncApi, JSON_DOCUMENT);
      },
    }),
    open('GET /api/docs', 'Shows both as a page.', {
      answer: { 200: null },
      also: { 'text/html': null },
      serve: async (exchange) => {
        const { page, pageHeaders } = await documents();
        exchange.secured = pageHeaders;
        exchange.reply(200, page, PAGE);
      },
    }),
  ];
}
