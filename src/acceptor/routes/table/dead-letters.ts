/** The routes of what was given up, of giving it back, and of what became of one message. */

import type { Limits } from '../../../core/limits.js';
import * as schemas from '../../../wire/schemas/dead-letters.js';
import { snakeMembers } from '../../../wire/snake-case.js';
import { deadLetterGroupsView } from '../../../wire/views/dead-letter-view.js';
import { type Route, rawRoutesOf, routesOf } from '../../http/route.js';
import type { Control } from '../control.js';
import { DeadLetterRoutes } from '../dead-letter-routes.js';

export interface DeadLetterTableParts {
  limits: Limits;
  control: Control;
}

export function deadLetterTable({ limits, control }: DeadLetterTableParts): Route[] {
  const letters = new DeadLetterRoutes(control);
  return [
    ...manyTable(limits, letters),
    ...oneTable(letters),
    ...jobTable(letters),
    ...traceTable(limits, letters),
  ];
}

/** Of a count: what a purge would take has no bound. */
const ANY_NUMBER = Number.MAX_SAFE_INTEGER;

function manyTable(limits: Limits, letters: DeadLetterRoutes): Route[] {
  const listed = rawRoutesOf({ scope: 'subscribe' });
  const shown = routesOf({ scope: 'subscribe' });
  const changed = routesOf({ scope: 'manage' });
  return [
    shown('GET /api/dead-letter-groups', 'Counts dead letters that were given up alike.', {
      query: schemas.letterGroups(limits),
      answer: { 200: schemas.LETTER_GROUPS },
      handle: async ({ principal, query }) =>
        deadLetterGroupsView(await letters.groups(principal, query)),
    }),
    listed('GET /api/dead-letters', 'Lists dead letters, by id; exports as application/x-ndjson.', {
      query: schemas.letterPage(limits),
      answer: { 200: schemas.LETTER_PAGE },
      also: { 'application/x-ndjson': schemas.LETTER },
      serve: (exchange, req, { query }) => letters.list(exchange, req, query),
    }),
    changed('POST /api/dead-letters/redrive', 'Gives dead letters back, as a job.', {
      audit: 'dead-letters.redrive',
      body: schemas.redrive(limits),
      bodyLimit: 'publishBodyBytesMax',
      answer: { 202: schemas.JOB_STARTED },
      errors: ['dead_letter_not_found', 'subscription_gone'],
      handle: async ({ principal, body, note }) => {
        note?.isAbout(principal.tenant, lettersNamed(body));
        if (body.plan)
          return { matched: (await letters.match(principal, body, body.limit)).matched };
        return snakeMembers(await letters.redrive(principal, body));
      },
    }),
    changed('POST /api/dead-letters/purge', 'Deletes dead letters.', {
      audit: 'dead-letters.purge',
      body: schemas.purge(limits),
      bodyLimit: 'publishBodyBytesMax',
      answer: { 200: schemas.PURGED },
      handle: async ({ principal, body, note }) => {
        note?.isAbout(principal.tenant, lettersNamed(body));
        if (!body.plan) return { purged: await letters.purge(principal, body) };
        const { matched, gone } = await letters.match(principal, body, ANY_NUMBER);
        return { purged: 0, matched: matched + gone };
      },
    }),
  ];
}

/** For the audit log: `topic/subscription`, or ids with commas between. */
function lettersNamed({ ids, topic, subscription }: schemas.LetterNames): string {
  if (ids !== null) return ids.join(',');
  return [topic, subscription].filter((name) => name !== null).join('/');
}

function oneTable(letters: DeadLetterRoutes): Route[] {
  const one = { params: schemas.LETTER_PATH, errors: ['dead_letter_not_found'] } as const;
  const shown = routesOf({ ...one, scope: 'subscribe' });
  const changed = routesOf({ ...one, scope: 'manage' });
  return [
    shown('GET /api/dead-letters/:id', 'Shows a dead letter.', {
      answer: { 200: schemas.LETTER },
      handle: ({ principal, params }) => letters.get(principal, params),
    }),
    changed('DELETE /api/dead-letters/:id', 'Deletes a dead letter.', {
      audit: 'dead-letters.delete',
      answer: { 204: null },
      handle: ({ principal, params }) => letters.delete(principal, params),
    }),
  ];
}

function jobTable(letters: DeadLetterRoutes): Route[] {
  const job = routesOf({
    ...{ scope: 'manage', params: schemas.JOB_PATH },
    errors: ['job_not_found'],
  });
  return [
    job('GET /api/jobs/:id', 'Tells how far a job is.', {
      answer: { 200: schemas.JOB },
      handle: async ({ principal, params }) =>
        snakeMembers({ jobId: params.id, ...(await letters.job(principal, params)) }),
    }),
    job('DELETE /api/jobs/:id', 'Cancels a job; what it has done stays done.', {
      audit: 'job.cancel',
      answer: { 204: null },
      handle: ({ principal, params }) => letters.cancel(principal, params),
    }),
  ];
}

function traceTable(limits: Limits, letters: DeadLetterRoutes): Route[] {
  const traced = routesOf({
    ...{ scope: 'subscribe', params: schemas.MESSAGE_PATH },
    errors: ['message_not_found', 'invalid_field'],
  });
  return [
    traced('GET /api/messages/:id', 'Shows a message, and what became of it in subscriptions.', {
      query: schemas.tracePage(limits),
      answer: { 200: schemas.TRACE },
      handle: ({ principal, params, query }) => letters.trace(principal, params.id, query),
    }),
  ];
}
