/** The route of what the page of the dashboard loads. The page itself stands at / and where no route does. */
import { z } from 'zod';
import { members } from '../../../wire/schemas/kinds.js';
import { type Route, rawRoutesOf } from '../../http/route.js';
import type { StaticFiles } from '../../http/static-files.js';

export interface DashboardTableParts {
  files: StaticFiles;
}

const ASSET = members({ file: z.string().describe('Its name, as the page has it.') });

export function dashboardTable({ files }: DashboardTableParts): Route[] {
  const loaded = rawRoutesOf({ scope: 'anyone', params: ASSET, errors: ['not_found'] });
  return [
    loaded('GET /assets/:file', 'Gives a file of the dashboard, to be kept for good.', {
      answer: { 200: null },
      also: { 'text/css': null, 'text/javascript': null, 'image/svg+xml': null },
      serve: (exchange, req, { params }) => files.answerAsset(exchange, req, params.file),
    }),
  ];
}
