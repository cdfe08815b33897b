/** The routes of topics, their messages and their streams of events. */
import { clientName } from '../../../core/client-name.js';
import type { Limits } from '../../../core/limits.js';
import { asTenant } from '../../../core/topic-key.js';
import { members } from '../../../wire/schemas/kinds.js';
import { CLIENT_MEMBERS } from '../../../wire/schemas/sessions.js';
import { START_MEMBERS } from '../../../wire/schemas/subscriptions.js';
import { TOPIC_MOVE, TOPIC_MOVED } from '../../../wire/schemas/topic-move.js';
import * as schemas from '../../../wire/schemas/topics.js';
import { snakeMembers } from '../../../wire/snake-case.js';
import * as views from '../../../wire/views/topic-view.js';
import { type Route, rawRoutesOf, routesOf } from '../../http/route.js';
import type { Streams } from '../../session/streams.js';
import type { Control } from '../control.js';
import { TopicRoutes } from '../topic-routes.js';
import type { WebhookRoutes } from '../webhook-routes.js';

export interface TopicTableParts {
  limits: Limits;
  control: Control;
  streams: Pick<Streams, 'open'>;
  webhooks: Pick<WebhookRoutes, 'topicGone'>;
}

export function topicTable({ limits, control, streams, webhooks }: TopicTableParts): Route[] {
  const topics = new TopicRoutes(control);
  return [
    ...manyTable(limits, topics),
    ...oneTable(limits, topics, webhooks),
    ...moveTable(limits, topics),
    ...contentTable(limits, topics),
    ...eventTable(limits, streams),
  ];
}

function manyTable(limits: Limits, topics: TopicRoutes): Route[] {
  const shown = routesOf({ scope: 'subscribe' });
  const changed = routesOf({ scope: 'manage' });
  return [
    shown('GET /api/topics', 'Lists the topics, by name.', {
      query: schemas.topicPage(limits),
      answer: { 200: schemas.TOPIC_PAGE },
      handle: async ({ principal, query }) =>
        views.topicPageView(await topics.list(principal, query), query.limit),
    }),
    changed('POST /api/topics', 'Creates a topic.', {
      audit: 'topic.create',
      body: schemas.newTopic(limits),
      answer: { 201: schemas.TOPIC },
      errors: ['topic_exists', 'topic_limit', 'quota_exceeded'],
      handle: async ({ principal, body, note }) => {
        note?.isAbout(principal.tenant, body.name);
        return views.topicView(await topics.create(principal, body));
      },
    }),
  ];
}

function ofOne(limits: Limits) {
  return { params: schemas.topicPath(limits), errors: ['topic_not_found'] } as const;
}

function oneTable(
  limits: Limits,
  topics: TopicRoutes,
  webhooks: TopicTableParts['webhooks'],
): Route[] {
  const shown = routesOf({ ...ofOne(limits), scope: 'subscribe' });
  const changed = routesOf({ ...ofOne(limits), scope: 'manage' });
  return [
    shown('GET /api/topics/:name', 'Shows a topic.', {
      answer: { 200: schemas.TOPIC },
      handle: async (asked) => views.topicView(await topics.get(asked)),
    }),
    changed('PATCH /api/topics/:name', 'Changes what a topic keeps.', {
      audit: 'topic.change',
      body: schemas.topicPatch(limits),
      answer: { 200: schemas.TOPIC },
      handle: async (asked) => views.topicView(await topics.patch(asked, asked.body)),
    }),
    changed('DELETE /api/topics/:name', 'Deletes a topic, its messages and subscriptions.', {
      audit: 'topic.delete',
      answer: { 204: null },
      handle: async (asked) => {
        await topics.delete(asked);
        await webhooks.topicGone(asked.principal, asked.params.name);
        return undefined;
      },
    }),
  ];
}

function moveTable(limits: Limits, topics: TopicRoutes): Route[] {
  const { params, errors } = ofOne(limits);
  const moved = routesOf({
    ...{ params, scope: 'operate' },
    errors: [...errors, 'topic_moving', 'topic_busy'],
  });
  return [
    moved('POST /api/topics/:name/move', 'Moves a topic to another database of DATABASE_URL.', {
      audit: 'topic.move',
      body: TOPIC_MOVE,
      answer: { 200: TOPIC_MOVED },
      handle: async (asked) => {
        const { tenant } = asked.body;
        if (tenant !== null) asked.note?.isAbout(asTenant(tenant), asked.params.name);
        return topics.move(asked, asked.body);
      },
    }),
  ];
}

function contentTable(limits: Limits, topics: TopicRoutes): Route[] {
  const shown = routesOf({ ...ofOne(limits), scope: 'subscribe' });
  return [
    shown('GET /api/topics/:name/messages', 'Shows messages of the log, by sequence.', {
      query: schemas.messagePage(limits),
      answer: { 200: schemas.MESSAGE_PAGE },
      handle: (asked) => topics.messages(asked, asked.query),
    }),
    shown('GET /api/topics/:name/position', 'Tells where a topic ends, to begin there.', {
      answer: { 200: schemas.POSITION },
      handle: async (asked) => snakeMembers(await topics.position(asked)),
    }),
  ];
}

/** In Accept: each message of the stream is to be one. */
const EVENT_TYPE = 'application/cloudevents+json';

function eventTable(limits: Limits, streams: TopicTableParts['streams']): Route[] {
  const streamed = rawRoutesOf({ ...ofOne(limits), scope: 'subscribe' });
  return [
    streamed('GET /api/topics/:name/events', 'Streams messages as server-sent events.', {
      query: members({ ...START_MEMBERS, ...CLIENT_MEMBERS, ...schemas.STREAM_MEMBERS }),
      askedBy: 'page',
      answer: { 200: null },
      also: { 'text/event-stream': null },
      headers: schemas.STREAM_HEADERS,
      errors: ['bad_cursor', 'session_limit', 'subscription_limit', 'quota_exceeded'],
      serve: (exchange, req, { params, query }) => {
        const { client: name, version, format, ...parts } = query;
        const client = name === null ? null : clientName(name, version);
        const isEvent = format === 'cloudevents' || req.getHeader('accept').includes(EVENT_TYPE);
        const form = isEvent ? 'event' : 'message';
        streams.open(exchange, req, { topic: params.name, parts, client, form });
      },
    }),
  ];
}
