/** The routes of publishes, and of those that wait for their time. */
import type { ErrorCode } from '../../../core/errors.js';
import type { Limits } from '../../../core/limits.js';
import { DEFERRED_PAGE, DEFERRED_PATH, deferredPage } from '../../../wire/schemas/deferred.js';
import * as schemas from '../../../wire/schemas/publishes.js';
import { topicPath } from '../../../wire/schemas/topics.js';
import { deferredPageView } from '../../../wire/views/deferred-view.js';
import { BATCH_TYPES, EVENT_TYPES, PUBLISH_TYPES } from '../../http/body-type.js';
import { type Route, rawRoutesOf, routesOf } from '../../http/route.js';
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
  'rate_limited',
  'quota_exceeded',
  'invalid_msgpack',
  'ext_not_allowed',
];

export interface PublishTableParts {
  limits: Limits;
  control: Control;
  publishes: Pick<PublishRoutes, 'publish' | 'batch' | 'events'>;
}

export function publishTable({ limits, control, publishes }: PublishTableParts): Route[] {
  const published = rawRoutesOf({ scope: 'publish', errors: PUBLISH_ERRORS });
  return [
    published('POST /api/publish', 'Publishes a message; it is answered once it is committed.', {
      body: schemas.publish(limits),
      takes: PUBLISH_TYPES,
      headers: schemas.PUBLISH_HEADERS,
      bodyLimit: 'publishBodyBytesMax',
      answer: { 200: schemas.PUBLISHED, 202: schemas.ACCEPTED },
      also: { 'application/msgpack': schemas.PUBLISHED },
      serve: (exchange, req) => publishes.publish(exchange, req),
    }),
    published('POST /api/publish/batch', 'Publishes messages, each with a result of its own.', {
      body: schemas.publishBatch(limits),
      takes: BATCH_TYPES,
      headers: schemas.PUBLISH_HEADERS,
      bodyLimit: 'batchBodyBytesMax',
      answer: { 200: schemas.BATCH_RESULTS },
      errors: ['batch_too_large'],
      serve: (exchange, req) => publishes.batch(exchange, req),
    }),
    ...eventTable(limits, publishes),
    ...deferredTable(limits, control),
  ];
}

function eventTable(limits: Limits, publishes: PublishTableParts['publishes']): Route[] {
  const params = topicPath(limits);
  const published = rawRoutesOf({ scope: 'publish', params, errors: PUBLISH_ERRORS });
  return [
    published('POST /api/topics/:name/events', 'Publishes CloudEvents, in any mode of HTTP.', {
      body: schemas.CLOUD_EVENTS,
      takes: EVENT_TYPES,
      headers: schemas.EVENT_HEADERS,
      bodyLimit: 'batchBodyBytesMax',
      answer: { 200: schemas.EVENT_RESULTS },
      errors: ['batch_too_large', 'duplicate_key', 'invalid_utf8'],
      serve: (exchange, req, { params: { name } }) => publishes.events(exchange, req, name),
    }),
  ];
}

function deferredTable(limits: Limits, control: Control): Route[] {
  const listed = routesOf({ scope: 'publish' });
  const one = routesOf({
    ...{ scope: 'publish', params: DEFERRED_PATH },
    errors: ['deferred_not_found', 'deferred_released'],
  });
  return [
    listed('GET /api/deferred', 'Lists the messages that wait for their time, by id.', {
      query: deferredPage(limits),
      answer: { 200: DEFERRED_PAGE },
      handle: async ({ principal, query }) =>
        deferredPageView(await listDeferred(control, principal, query), query.limit),
    }),
    one('DELETE /api/deferred/:id', 'Cancels a message before its time.', {
      answer: { 204: null },
      handle: ({ principal, params }) => cancelDeferred(control, principal, params),
    }),
  ];
}
