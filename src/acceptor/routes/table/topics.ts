/** The routes of topics, their messages and their streams of events. */
import type { Limits } from '../../../core/limits.js';
import { members } from '../../../wire/schemas/kinds.js';
import { START_MEMBERS } from '../../../wire/schemas/subscriptions.js';
import {
  MESSAGE_PAGE,
  messagePage,
  newTopic,
  POSITION,
  TOPIC,
  TOPIC_PAGE,
  topicPage,
  topicPatch,
  topicPath,
} from '../../../wire/schemas/topics.js';
import { type Route, rawRoute, route } from '../../http/route.js';
import type { Streams } from '../../session/streams.js';
import type { Control } from '../control.js';
import { TopicRoutes } from '../topic-routes.js';

export interface TopicTableParts {
  limits: Limits;
  control: Control;
  streams: Pick<Streams, 'open'>;
}

export function topicTable({ limits, control, streams }: TopicTableParts): Route[] {
  const topics = new TopicRoutes(control);
  return [
    ...manyTable(limits, topics),
    ...oneTable(limits, topics),
    ...contentTable(limits, topics),
    ...eventTable(limits, streams),
  ];
}

function ofOne(limits: Limits) {
  return { params: topicPath(limits), query: null, errors: ['topic_not_found'] } as const;
}

function manyTable(limits: Limits, topics: TopicRoutes): Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/topics',
      scope: 'subscribe',
      text: 'Lists the topics, by name.',
      params: null,
      query: topicPage(limits),
      body: null,
      answer: { 200: TOPIC_PAGE },
      errors: [],
      handle: ({ principal, query }) => topics.list(principal, query),
    }),
    route({
      method: 'POST',
      path: '/api/topics',
      scope: 'manage',
      text: 'Creates a topic.',
      params: null,
      query: null,
      body: newTopic(limits),
      answer: { 201: TOPIC },
      errors: ['topic_exists', 'topic_limit'],
      handle: ({ principal, body }) => topics.create(principal, body),
    }),
  ];
}

function oneTable(limits: Limits, topics: TopicRoutes): Route[] {
  const one = ofOne(limits);
  return [
    route({
      ...one,
      method: 'GET',
      path: '/api/topics/:name',
      scope: 'subscribe',
      text: 'Shows a topic.',
      body: null,
      answer: { 200: TOPIC },
      handle: ({ principal, params }) => topics.get(principal.keyOf(params.name)),
    }),
    route({
      ...one,
      method: 'PATCH',
      path: '/api/topics/:name',
      scope: 'manage',
      text: 'Changes what a topic keeps.',
      body: topicPatch(limits),
      answer: { 200: TOPIC },
      handle: ({ principal, params, body }) => topics.patch(principal.keyOf(params.name), body),
    }),
    route({
      ...one,
      method: 'DELETE',
      path: '/api/topics/:name',
      scope: 'manage',
      text: 'Deletes a topic with its messages, and ends its subscriptions.',
      body: null,
      answer: { 204: null },
      handle: ({ principal, params }) => topics.delete(principal.keyOf(params.name)),
    }),
  ];
}

function contentTable(limits: Limits, topics: TopicRoutes): Route[] {
  const one = ofOne(limits);
  return [
    route({
      ...one,
      method: 'GET',
      path: '/api/topics/:name/messages',
      scope: 'subscribe',
      text: 'Shows messages of the log, by sequence.',
      query: messagePage(limits),
      body: null,
      answer: { 200: MESSAGE_PAGE },
      handle: ({ principal, params, query }) =>
        topics.messages(principal.keyOf(params.name), query),
    }),
    route({
      ...one,
      method: 'GET',
      path: '/api/topics/:name/position',
      scope: 'subscribe',
      text: 'Tells where a topic ends, for whoever is to begin there.',
      body: null,
      answer: { 200: POSITION },
      handle: ({ principal, params }) => topics.position(principal.keyOf(params.name)),
    }),
  ];
}

function eventTable(limits: Limits, streams: TopicTableParts['streams']): Route[] {
  return [
    rawRoute({
      method: 'GET',
      path: '/api/topics/:name/events',
      scope: 'subscribe',
      text: 'Streams the messages of a topic as server-sent events.',
      params: topicPath(limits),
      query: members(START_MEMBERS),
      body: null,
      answer: { 200: null },
      errors: ['topic_not_found', 'bad_cursor', 'session_limit', 'subscription_limit'],
      serve: (exchange, req, { params, query }) =>
        streams.open(exchange, req, { topic: params.name, parts: query }),
    }),
  ];
}
