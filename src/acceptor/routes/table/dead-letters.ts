/** The routes of what was given up, of giving it back, and of what became of one message. */
import type { Limits } from '../../../core/limits.js';
import {
  JOB,
  JOB_PATH,
  JOB_STARTED,
  LETTER,
  LETTER_PAGE,
  LETTER_PATH,
  letterPage,
  MESSAGE_PATH,
  PURGED,
  purge,
  redrive,
  TRACE,
  tracePage,
} from '../../../wire/schemas/dead-letters.js';
import { type Route, rawRoute, route } from '../../http/route.js';
import type { Control } from '../control.js';
import { DeadLetterRoutes } from '../dead-letter-routes.js';

export interface DeadLetterTableParts {
  limits: Limits;
  control: Control;
}

export function deadLetterTable({ limits, control }: DeadLetterTableParts): Route[] {
  const letters = new DeadLetterRoutes(control);
  return [...manyTable(limits, letters), ...oneTable(letters), ...traceTable(limits, letters)];
}

function manyTable(limits: Limits, letters: DeadLetterRoutes): Route[] {
  return [
    rawRoute({
      method: 'GET',
      path: '/api/dead-letters',
      scope: 'subscribe',
      text: 'Lists dead letters, by id; all, a line each, with Accept: application/x-ndjson.',
      params: null,
      query: letterPage(limits),
      body: null,
      answer: { 200: LETTER_PAGE },
      errors: [],
      serve: (exchange, req, { query }) => letters.list(exchange, req, query),
    }),
    route({
      method: 'POST',
      path: '/api/dead-letters/redrive',
      scope: 'manage',
      text: 'Gives dead letters back to the subscriptions that failed on them, as a job.',
      params: null,
      query: null,
      body: redrive(limits),
      bodyLimit: 'publishBodyBytesMax',
      answer: { 202: JOB_STARTED },
      errors: ['dead_letter_not_found', 'subscription_gone'],
      handle: ({ principal, body }) => letters.redrive(principal, body),
    }),
    route({
      method: 'POST',
      path: '/api/dead-letters/purge',
      scope: 'manage',
      text: 'Deletes dead letters.',
      params: null,
      query: null,
      body: purge(limits),
      bodyLimit: 'publishBodyBytesMax',
      answer: { 200: PURGED },
      errors: [],
      handle: ({ principal, body }) => letters.purge(principal, body),
    }),
  ];
}

function oneTable(letters: DeadLetterRoutes): Route[] {
  const one = { params: LETTER_PATH, query: null, errors: ['dead_letter_not_found'] } as const;
  const job = { params: JOB_PATH, query: null, errors: ['job_not_found'] } as const;
  return [
    route({
      ...one,
      method: 'GET',
      path: '/api/dead-letters/:id',
      scope: 'subscribe',
      text: 'Shows a dead letter.',
      body: null,
      answer: { 200: LETTER },
      handle: ({ principal, params }) => letters.get(principal, params),
    }),
    route({
      ...one,
      method: 'DELETE',
      path: '/api/dead-letters/:id',
      scope: 'manage',
      text: 'Deletes a dead letter.',
      body: null,
      answer: { 204: null },
      handle: ({ principal, params }) => letters.delete(principal, params),
    }),
    route({
      ...job,
      method: 'GET',
      path: '/api/jobs/:id',
      scope: 'manage',
      text: 'Tells how far a job is.',
      body: null,
      answer: { 200: JOB },
      handle: ({ principal, params }) => letters.job(principal, params),
    }),
    route({
      ...job,
      method: 'DELETE',
      path: '/api/jobs/:id',
      scope: 'manage',
      text: 'Cancels a job; what it has done stays done.',
      body: null,
      answer: { 204: null },
      handle: ({ principal, params }) => letters.cancel(principal, params),
    }),
  ];
}

function traceTable(limits: Limits, letters: DeadLetterRoutes): Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/messages/:id',
      scope: 'subscribe',
      text: 'Shows a message, and what became of it in the durable subscriptions.',
      params: MESSAGE_PATH,
      query: tracePage(limits),
      body: null,
      answer: { 200: TRACE },
      errors: ['message_not_found', 'invalid_field'],
      handle: ({ principal, params, query }) => letters.trace(principal, params.id, query),
    }),
  ];
}
