/**
 * The OpenAPI document of a node: made of the table of routes, and of nothing else. Each error that a route
 * may answer stands in it, by its status, with its code.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { z } from 'zod';
import { ERROR_ADVICE } from '../../core/error-advice.js';
import { ERRORS, type ErrorCode } from '../../core/errors.js';
import type { BodyType } from '../http/body-type.js';
import type { Route } from '../http/route.js';
import { errorsOf } from '../http/route-errors.js';
import type { Answer, Content, JsonSchema, OpenApi, Operation, Parameter } from './described.js';
import {
  jsonSchemaOf,
  type NamedSchemas,
  namedSchemas,
  refTo,
  withoutNull,
} from './json-schemas.js';

export const LICENSE = { name: 'MIT', identifier: 'MIT' };
const PROBLEM = 'application/problem+json';
const CONTENT_TYPES: Readonly<Record<BodyType, string>> = {
  json: 'application/json',
  msgpack: 'application/msgpack',
  ndjson: 'application/x-ndjson',
  event: 'application/cloudevents+json',
  events: 'application/cloudevents-batch+json',
};
const STATUS_TEXTS: Readonly<Record<number, string>> = {
  200: 'It is done.',
  201: 'It was made.',
  202: 'It was taken, and is done later.',
  204: 'It is done; there is no body.',
  503: 'Not now: the body says what is wrong.',
};

/** By the first part of a path below /api, in the order in which they are shown. */
const TAGS: Readonly<Record<string, readonly [name: string, text: string]>> = {
  publish: ['Publishing', 'Messages on their way into a topic.'],
  deferred: ['Publishing', ''],
  topics: ['Topics', 'Topics, what they keep, and what is in them.'],
  messages: ['Topics', ''],
  subscriptions: [
    'Subscriptions',
    'Durable subscriptions: how far they are, and where they go on.',
  ],
  'dead-letters': ['Dead letters', 'What was given up, and giving it back.'],
  jobs: ['Dead letters', ''],
  sessions: ['Sessions', 'Who is connected to this node.'],
  tenants: ['Tenants and keys', 'Who may do what, for how much.'],
  keys: ['Tenants and keys', ''],
  tokens: ['Tenants and keys', ''],
  session: ['Tenants and keys', ''],
  audit: ['Tenants and keys', ''],
};
const NODE_TAG = ['Node', 'The node itself: figures, health, documents.'] as const;

const DESCRIPTION = `Publish and read messages, and manage what is between.

Where keys are asked for (\`ENABLE_AUTH=true\`) a request shows one as \`X-API-Key\` or \`Authorization: Bearer\`; a browser that logged
in shows its cookie. Each operation says which scope the key needs. Errors are \`application/problem+json\` with a stable \`code\`.
Members of answers that are not known are to be passed over. WebSockets and streams of events are described by /api/asyncapi.json.`;

export interface OpenApiOptions {
  routes: readonly Route[];
  version: string;
}

/** A route in a turn: others are served meanwhile. */
export async function openApiOf({ routes, version }: OpenApiOptions): Promise<OpenApi> {
  const named = namedSchemas();
  const paths: OpenApi['paths'] = {};
  for (const route of routes) {
    if (isForNodes(route)) continue;
    await turn();
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    const method = route.method.toLowerCase() as 'get' | 'post' | 'patch' | 'delete';
    paths[path] = { ...paths[path], [method]: operationOf(route, named) };
  }
  const schemas = used({ ...named.all, Problem: problem(named), ErrorCode: errorCodes() }, paths);
  return {
    openapi: '3.1.0',
    info: { title: 'Conduit', version, description: DESCRIPTION, license: LICENSE },
    servers: [{ url: '/', description: 'The node that this document comes from.' }],
    tags: tagsOf(routes),
    paths,
    components: { schemas, securitySchemes: SECURITY },
  };
}

const SECURITY = {
  key: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'An API key, or a token.' },
  bearer: { type: 'http', scheme: 'bearer', description: 'The same.' },
  login: {
    type: 'apiKey',
    in: 'cookie',
    name: 'conduit_session',
    description: 'Of POST /api/session.',
  },
};

/** Whose code leads to what each means. */
function problem({ all }: NamedSchemas): JsonSchema {
  const { Problem: shape = {} } = all;
  return { ...shape, properties: { ...shape.properties, code: refTo('ErrorCode') } };
}

function errorCodes(): JsonSchema {
  const codes = Object.keys(ERRORS) as ErrorCode[];
  return {
    description: 'Stable: a code never changes its meaning.',
    type: 'string',
    oneOf: codes.map((code) => ({
      const: code,
      title: ERRORS[code].title,
      description: ERROR_ADVICE[code],
    })),
  };
}

/** Nodes ask it of each other: it is no client's, and may be another in each version. */
export function isForNodes({ path }: Pick<Route, 'path'>): boolean {
  return path.startsWith('/internal/');
}

function tagOf({ path }: Pick<Route, 'path'>): readonly [name: string, text: string] {
  const [, api, part = ''] = path.split('/');
  return (api === 'api' ? TAGS[part] : undefined) ?? NODE_TAG;
}

function tagsOf(routes: readonly Route[]): OpenApi['tags'] {
  const there = new Set(routes.map((route) => tagOf(route)[0]));
  return [...Object.values(TAGS), NODE_TAG]
    .filter(([name, text]) => text !== '' && there.has(name))
    .map(([name, description]) => ({ name, description }));
}

function operationOf(route: Route, named: NamedSchemas): Operation {
  const { text, scope, body, takes } = route;
  const parameters = [
    ...membersOf(route.params, 'path'),
    ...membersOf(route.query, 'query'),
    ...membersOf(route.headers, 'header'),
  ];
  const content: Content = {};
  if (body !== null) {
    const schema = jsonSchemaOf(body, 'input');
    for (const type of takes)
      content[CONTENT_TYPES[type]] = { schema: type === 'ndjson' ? LINES : schema };
  }
  const needs = scope === 'anyone' ? 'Needs no key.' : `Needs a key with the scope \`${scope}\`.`;
  return {
    operationId: idOf(route),
    tags: [tagOf(route)[0]],
    summary: text,
    description: scope === 'any key' ? 'Needs a key, whatever its scopes.' : needs,
    security: scope === 'anyone' ? [] : [{ key: [] }, { bearer: [] }, { login: [] }],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === null ? {} : { requestBody: { required: true, content } }),
    responses: both(answersOf(route, named), refusalsOf(route)),
  };
}

const LINES: JsonSchema = { type: 'string', description: 'An object of `messages` on each line.' };

/** `GET /api/topics/:name/messages` is getTopicsByNameMessages. */
function idOf({ method, path }: Route): string {
  const words = path
    .replace(/^\/api\//, '/')
    .split(/[/.-]/)
    .filter((word) => word !== '');
  const named = words.map((word) => {
    const bare = word.replace(':', '');
    const capital = bare.slice(0, 1).toUpperCase() + bare.slice(1);
    return word.startsWith(':') ? `By${capital}` : capital;
  });
  return `${method.toLowerCase()}${named.join('') || 'Root'}`;
}

function membersOf(schema: z.ZodObject | null, place: Parameter['in']): Parameter[] {
  if (schema === null) return [];
  const { properties = {}, required = [] } = jsonSchemaOf(schema, 'input');
  return Object.entries(properties).map(([name, member]) => {
    const { description = '', ...rest } = withoutNull(member);
    const isRequired = place === 'path' || required.includes(name);
    return { name, in: place, required: isRequired, description, schema: rest };
  });
}

function answersOf({ answer, also }: Route, named: NamedSchemas): Record<string, Answer> {
  const answers: Record<string, Answer> = {};
  for (const [at, [status, schema]] of Object.entries(answer).entries()) {
    const content: Content =
      schema === null ? {} : { 'application/json': { schema: named.of(schema) } };
    for (const [type, other] of Object.entries(at === 0 ? also : {})) {
      content[type] =
        other === null
          ? { schema: { type: /json/.test(type) ? 'object' : 'string' } }
          : { schema: named.of(other) };
    }
    const description = STATUS_TEXTS[Number(status)] ?? '';
    answers[status] =
      Object.keys(content).length === 0 ? { description } : { description, content };
  }
  return answers;
}

/** One answer for each status: which codes, and what each means. */
function refusalsOf(route: Route): Record<string, Answer> {
  const answers: Record<string, Answer> = {};
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of errorsOf(route)) {
    const { status } = ERRORS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  for (const [status, codes] of [...byStatus].sort(([one], [other]) => one - other)) {
    const meanings = codes.map((code) => `- \`${code}\`: ${ERRORS[code].title}`);
    const schema = { allOf: [refTo('Problem'), { properties: { code: { enum: codes } } }] };
    const content: Content = { [PROBLEM]: { schema } };
    answers[status] = { description: meanings.join('\n'), headers: headersOf(codes), content };
  }
  return answers;
}

/** Of one status there may be an answer and a refusal. */
function both(
  answers: Record<string, Answer>,
  refusals: Record<string, Answer>,
): Record<string, Answer> {
  const all = { ...answers };
  for (const [status, refusal] of Object.entries(refusals)) {
    const answer = answers[status];
    all[status] =
      answer === undefined
        ? refusal
        : {
            ...refusal,
            description: `${answer.description}\n${refusal.description}`,
            content: { ...answer.content, ...refusal.content },
          };
  }
  return all;
}

function headersOf(codes: readonly ErrorCode[]): NonNullable<Answer['headers']> {
  const requestId = { type: 'string' };
  const headers: NonNullable<Answer['headers']> = {
    'X-Request-Id': {
      description: 'That of the request, else a UUID; the log of the node has it, too.',
      schema: requestId,
    },
  };
  if (codes.some((code) => ERRORS[code].temporary)) {
    const schema = { type: 'integer', minimum: 0 };
    headers['Retry-After'] = {
      description: 'Seconds; of those codes that may work later.',
      schema,
    };
  }
  return headers;
}

/** Of all shapes those that a path leads to. */
function used(all: Record<string, JsonSchema>, paths: object): Record<string, JsonSchema> {
  const found = new Set<string>();
  const look = (value: unknown): void => {
    for (const [, name = ''] of JSON.stringify(value).matchAll(
      /"#\/components\/schemas\/(\w+)"/g,
    )) {
      if (found.has(name)) continue;
      found.add(name);
      look(all[name] ?? {});
    }
  };
  look(paths);
  return Object.fromEntries(Object.entries(all).filter(([name]) => found.has(name)));
}
