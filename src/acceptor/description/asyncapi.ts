/**
 * The AsyncAPI document of a node: its WebSocket and its streams of events, made of the unions of frames. The
 * node is the application: it receives what clients send.
 */
import type { Limits } from '../../core/limits.js';
import type { ClientFrame } from '../../wire/frame-types.js';
import { CLIENT_FRAME_TEXTS, SERVER_FRAME_TEXTS } from '../../wire/schemas/frame-texts.js';
import { clientFrames } from '../../wire/schemas/frames.js';
import { members } from '../../wire/schemas/kinds.js';
import { SERVER_FRAMES } from '../../wire/schemas/server-frames.js';
import { CLIENT_MEMBERS } from '../../wire/schemas/sessions.js';
import type { ServerFrame } from '../../wire/server-frame-types.js';
import type { AsyncApi, FrameMessage, JsonSchema } from './described.js';
import { jsonSchemaOf } from './json-schemas.js';
import { LICENSE } from './openapi.js';

const DESCRIPTION = `Frames of \`/ws\`. With the subprotocol \`conduit.json.v1\` a text message holds one frame or more, with the byte 0x1E between
them; with \`conduit.msgpack.v1\` a binary message holds one msgpack map or more; with none exactly one JSON frame. Any frame of a client
may have a \`ref\`, which its answer has, too. Where keys are asked for, one is shown as in /api/openapi.json; a page offers its token as
the subprotocol \`conduit.token.TOKEN\`. Frames and members that are not known are to be passed over.`;

/** What a stream of events has as `event`; its data is the frame. */
const STREAMED = ['message', 'caught_up', 'gap', 'unsubscribed', 'expiring', 'error', 'disconnect'];
/** Of streams alone. */
const ONLY_STREAMED = ['gap'];

export interface AsyncApiOptions {
  limits: Limits;
  version: string;
}

export function asyncApiOf({ limits, version }: AsyncApiOptions): AsyncApi {
  const client = clientMessages(limits);
  const server = serverMessages();
  const onSocket = [...client, ...server].filter(({ name }) => !ONLY_STREAMED.includes(name));
  const refs = (messages: readonly FrameMessage[], at: string): Record<string, object> =>
    Object.fromEntries(messages.map(({ name }) => [name, { $ref: `${at}${name}` }]));
  const own = '#/components/messages/';
  const streamed = server.filter(({ name }) => STREAMED.includes(name));
  return {
    asyncapi: '3.1.0',
    info: { title: 'Conduit', version, description: DESCRIPTION, license: { name: LICENSE.name } },
    defaultContentType: 'application/json',
    servers: { sockets: serverOf('ws'), streams: serverOf('http') },
    channels: {
      socket: {
        address: '/ws',
        description: 'A WebSocket: whatever a client publishes, subscribes to and settles.',
        servers: [{ $ref: '#/servers/sockets' }],
        messages: refs(onSocket, own),
        bindings: { ws: { method: 'GET', query: jsonSchemaOf(members(CLIENT_MEMBERS), 'input') } },
      },
      events: {
        address: '/api/topics/{topic}/events',
        description: 'Server-sent events of one topic: the name of a frame is its event.',
        servers: [{ $ref: '#/servers/streams' }],
        parameters: { topic: { description: 'Name of the topic.' } },
        messages: refs(streamed, own),
      },
    },
    operations: operationsOf(client, server),
    components: {
      messages: Object.fromEntries([...client, ...server].map((one) => [one.name, one])),
      securitySchemes: {
        key: { type: 'httpApiKey', in: 'header', name: 'X-API-Key' },
        bearer: { type: 'http', scheme: 'bearer' },
      },
    },
  };
}

function serverOf(protocol: string): object {
  return {
    ...{ host: '{host}', protocol },
    variables: { host: { default: 'localhost:8080', description: 'The node.' } },
    security: ['key', 'bearer'].map((name) => ({ $ref: `#/components/securitySchemes/${name}` })),
  };
}

function operationsOf(
  client: readonly FrameMessage[],
  server: readonly FrameMessage[],
): Record<string, object> {
  const socket = { $ref: '#/channels/socket' };
  const of = (channel: string, names: readonly string[]): object[] =>
    names.map((name) => ({ $ref: `#/channels/${channel}/messages/${name}` }));
  const operations: Record<string, object> = {};
  for (const { name, summary } of client) {
    operations[name] = {
      ...{ action: 'receive', channel: socket, summary, messages: of('socket', [name]) },
      reply: { channel: socket, messages: of('socket', answersTo(name)) },
    };
  }
  const sent = server.map(({ name }) => name).filter((name) => !ONLY_STREAMED.includes(name));
  operations['tell'] = {
    ...{ action: 'send', channel: socket, messages: of('socket', sent) },
    summary: 'Messages, answers and news.',
  };
  operations['stream'] = {
    ...{ action: 'send', channel: { $ref: '#/channels/events' }, messages: of('events', STREAMED) },
    summary: 'Messages of a topic, and news of the stream.',
  };
  return operations;
}

function answersTo(name: string): string[] {
  const { answer } = CLIENT_FRAME_TEXTS[name as ClientFrame['type']];
  return answer === null ? ['error'] : [answer, 'error'];
}

function clientMessages(limits: Limits): FrameMessage[] {
  const { oneOf, anyOf } = jsonSchemaOf(clientFrames(limits), 'input');
  return (oneOf ?? anyOf ?? []).map((payload) => {
    const type = payload.properties?.['type']?.const as ClientFrame['type'];
    return messageOf(type, CLIENT_FRAME_TEXTS[type].text, payload);
  });
}

function serverMessages(): FrameMessage[] {
  const types = Object.keys(SERVER_FRAMES) as ServerFrame['type'][];
  return types.map((type) =>
    messageOf(
      type,
      SERVER_FRAME_TEXTS[type],
      openMembers(jsonSchemaOf(SERVER_FRAMES[type], 'output')),
    ),
  );
}

function messageOf(name: string, summary: string, payload: JsonSchema): FrameMessage {
  return { name, title: name, summary, contentType: 'application/json', payload };
}

/** More members may come. */
function openMembers({ additionalProperties: _closed, anyOf, ...rest }: JsonSchema): JsonSchema {
  return anyOf === undefined ? rest : { ...rest, anyOf: anyOf.map(openMembers) };
}
