/**
 * Every line that a node may log, by its event: declared here and nowhere else, and docs/logs.md is made of
 * it. None is written for a message or a request that went well. No field has a payload or a secret.
 */
import type { LogLevel } from '../config/config.js';

/** What fields mean, in whichever line they stand. */
export const LOG_FIELDS = {
  about: 'The thread or the part that it is about: `worker-0`, `acceptor-1`, `keys`, a webhook.',
  auth: 'Who is asked for an API key, and where keys are kept; absent: nobody.',
  by: 'Who asked for it: a signal, or the API.',
  came: 'Ids of nodes that live since.',
  cause: 'Why, in one line.',
  count: 'How often it was met.',
  database: 'Which of several, from 1.',
  detail: 'More of it, in one line.',
  err: 'What was thrown: `type`, `message`, `stack`.',
  exit_code: 'That the process ends with.',
  for_s: 'Seconds since it began.',
  gone: 'Ids of nodes that live no more.',
  kind: 'The trouble, in the same words each time.',
  living: 'Ids of all other nodes that live.',
  lost: 'Lines that could not be written.',
  log: 'Where messages are kept, without secrets.',
  names: 'Files of sql/, in the order in which they ran.',
  request_id: 'Of the request, as its answer has it in `X-Request-Id`.',
  signal: 'Its name.',
  stack: 'Where it was thrown.',
  state: 'Of the log: `open`, `lost`, `full` and so on, as in `/api/health`.',
  threads: 'Acceptors and topic workers.',
  url: 'Where it listens.',
  valid_to: 'When the certificate ends.',
  version: 'Of Conduit.',
  where: 'The route, or what was being done.',
} as const;
export type LogField = keyof typeof LOG_FIELDS;

export interface LogEvent {
  readonly level: Exclude<LogLevel, 'silent' | 'trace'>;
  /** `msg`, where the line has no words of its own. */
  readonly text: string;
  readonly fields: readonly LogField[];
  /** By whose values lines of it are the same; null: each is written, their number has another bound. */
  readonly alike: readonly LogField[] | null;
}

/** Alike where these fields are. */
function event<const F extends readonly LogField[]>(
  level: LogEvent['level'],
  fields: F,
  text: string,
): LogEvent & { readonly fields: F } {
  return {
    level,
    fields,
    text,
    alike: fields.filter((name) => name === 'about' || name === 'where'),
  };
}

/** Who tells them bounds how many there are. */
function each<E extends LogEvent>(of: E): E {
  return { ...of, alike: null };
}

export const LOG_EVENTS = {
  'certificate.changed': event('info', ['valid_to'], 'SIGHUP: another certificate'),
  'certificate.refused': event(
    'error',
    ['about', 'cause'],
    'SIGHUP: the certificate is not replaced, the one before is shown',
  ),
  'certificate.same': event('info', [], 'SIGHUP: the certificate is the one that is shown'),
  'certificate.warning': each(event('warn', [], 'of the certificate')),
  'cluster.changed': each(event('info', ['came', 'gone', 'living'], 'other nodes live now')),
  'config.warning': each(event('warn', [], 'of the configuration')),
  'database.changed': each(event('info', ['database'], 'of the database')),
  'database.warning': each(event('warn', [], 'of the database')),
  'forward.failed': event('error', ['err'], 'what was forwarded was not taken'),
  'handler.threw': event(
    'error',
    ['about', 'where', 'request_id', 'stack'],
    'it threw; the session, the stream or the request that it was for ended',
  ),
  'keys.failed': event('error', ['err'], 'a question about keys failed'),
  'keys.not_told': event(
    'warn',
    ['detail'],
    'not told of revoked keys: they are looked up again within KEY_TTL_S',
  ),
  'lines.lost': each(event('warn', ['lost'], 'lines of this log could not be written')),
  'log.read_failed': event('error', ['err'], 'a read of the log failed in its thread'),
  'log.state': each(event('debug', ['about', 'state', 'detail'], 'the log')),
  'main.fault': each(event('fatal', ['err'], 'a fault of the main thread')),
  'node.draining': each(event('info', ['by'], 'draining')),
  'node.ended': each(event('info', ['exit_code'], 'the node has ended')),
  'node.refused': each(event('error', ['exit_code', 'cause'], 'the node ends')),
  'node.started': each(
    event('info', ['version', 'url', 'log', 'threads', 'auth'], 'the node is ready'),
  ),
  'node.waits': each(event('warn', [], 'the start waits')),
  'process.warning': event('warn', [], 'Node.js warns'),
  'quotas.not_read': event('warn', ['err'], 'quotas could not be read: tried again'),
  'schema.migrated': each(
    event('info', ['names', 'database'], 'the schema was brought up to date'),
  ),
  'sessions.failed': event('error', ['err'], 'a question about sessions failed'),
  'signal.ignored': event('info', ['signal'], 'the signal is ignored'),
  'spans.made': event('info', [], 'an OpenTelemetry SDK is there: spans are made'),
  'spans.not_made': event(
    'warn',
    [],
    'no spans are made: an OpenTelemetry SDK is there, @opentelemetry/api is not',
  ),
  'thread.died': each(event('error', ['about', 'cause'], 'a thread died')),
  'thread.refused': event('error', ['about', 'cause'], 'the thread cannot start'),
  'tokens.not_read': event('warn', ['cause'], 'the keys of JWT_ISSUER could not be read'),
  'tokens.refused': event('debug', ['cause'], 'a token of JWT_ISSUER was refused'),
  'trouble.began': each(event('warn', ['about', 'kind', 'cause', 'stack'], 'something fails')),
  'trouble.lasts': each(event('warn', ['kind', 'cause', 'count', 'for_s'], 'it still fails')),
  'trouble.over': each(event('warn', ['kind', 'count', 'for_s'], 'it is over')),
  'webhook.disabled': each(
    event('warn', ['about', 'cause'], 'nothing more is sent to the webhook until it is set again'),
  ),
  'webhooks.failed': event('error', ['err'], 'a question about webhooks failed'),
  'webhooks.not_read': event('warn', ['err'], 'webhooks could not be read: tried again'),
  'webhooks.not_told': event('warn', ['detail'], 'not told of webhooks that other nodes change'),
} satisfies Record<string, LogEvent>;

export type LogEventName = keyof typeof LOG_EVENTS;

type LogValue = string | number | readonly string[] | null;

/** Those that the event has; null: this line says nothing of it. */
export type LogFieldsOf<E extends LogEventName> = {
  readonly [F in (typeof LOG_EVENTS)[E]['fields'][number]]: F extends 'err' ? unknown : LogValue;
};

/** What a line may have beside the fields of its event. */
export const LOG_BINDINGS = {
  level: '10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal.',
  time: 'RFC 3339, UTC, by the clock of the node.',
  node: 'NODE_ID, once it is the name of this node.',
  event: 'One of the table below; a program goes by it.',
  msg: 'What happened, for people: its words may change.',
  suppressed: 'How many more like this one came within ten seconds, and were not written.',
} as const;
