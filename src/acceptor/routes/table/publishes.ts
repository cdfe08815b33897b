/** The routes of publishes, and of those that wait for their time. */
import type { ErrorCode } from '../../../core/errors.js';
import type { Limits } from '../../../core/limits.js';
import { DEFERRED_PAGE, DEFERRED_PATH, deferredPage } from '../../../wire/schemas/deferred.js';
import {
  ACCEPTED,
  BATCH_RESULTS,
  PUBLISHED,
  publish,
  publishBatch,
} from '../../../wire/schemas/publishes.js';
import { type Route, rawRoute, route } from '../../http/route.js';
import type { Control } from '../control.js';
import { cancelDeferred, listDeferred } from '../deferred-routes.js';
import type { PublishRoutes } from '../publish-routes.js';

/** What all publishes may be answered, beside what any body may. */
const PUBLISH_ERRORS: readonly ErrorCode[] = [
  'topic_not_found',
  'payload_required',
  'payload_too_large',
  'dedupe_key_invalid',
  'dedupe_mismatch',
  'message_refused',
  'invalid_msgpack',
  'ext_not_allowed',
];

export interface PublishTableParts {
  limits: Limits;
  control: Control;
  publishes: Pick<PublishRoutes, 'publish' | 'batch'>;
}

export function publishTable({ limits, control, publishes }: PublishTableParts): Route[] {
  return [
    rawRoute({
      method: 'POST',
      path: '/api/publish',
      scope: 'publish',
      text: 'Publishes a message; it is answered once it is committed.',
      params: null,
      query: null,
      body: publish(limits),
      bodyLimit: 'publishBodyBytesMax',
      answer: { 200: PUBLISHED, 202: ACCEPTED },
      errors: PUBLISH_ERRORS,
      serve: (exchange, req) => publishes.publish(exchange, req),
    }),
    rawRoute({
      method: 'POST',
      path: '/api/publish/batch',
      scope: 'publish',
      text: 'Publishes messages; each has its own result, and all are answered together.',
      params: null,
      query: null,
      body: publishBatch(limits),
      bodyLimit: 'batchBodyBytesMax',
      answer: { 200: BATCH_RESULTS },
      errors: [...PUBLISH_ERRORS, 'batch_too_large'],
      serve: (exchange, req) => publishes.batch(exchange, req),
    }),
    route({
      method: 'GET',
      path: '/api/deferred',
      scope: 'publish',
      text: 'Lists the messages that wait for their time, by id.',
      params: null,
      query: deferredPage(limits),
      body: null,
      answer: { 200: DEFERRED_PAGE },
      errors: [],
      handle: ({ principal, query }) => listDeferred(control, principal, query),
    }),
    route({
      method: 'DELETE',
      path: '/api/deferred/:id',
      scope: 'publish',
      text: 'Cancels a message before its time.',
      params: DEFERRED_PATH,
      query: null,
      body: null,
      answer: { 204: null },
      errors: ['deferred_not_found', 'deferred_released'],
      handle: ({ principal, params }) => cancelDeferred(control, principal, params),
    }),
  ];
}
