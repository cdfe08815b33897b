/**
 * The one table of what can be configured: environment variable, meaning, default, how it is read.
 * The limits of core/limits.ts become variables of their own. A parser gives the value or throws
 * OptionError with what the variable takes.
 */
import { availableParallelism, hostname } from 'node:os';
import type { LimitName } from '../core/limits.js';
import { LIMITS } from '../core/limits.js';
import type { Config, LogLevel } from './config.js';

/** What a variable takes, in words; load-config.ts adds its name and what it got. */
export class OptionError extends Error {}

export interface Option<T> {
  readonly env: string;
  readonly text: string;
  /** Never printed. */
  readonly secret: boolean;
  /** The value without the variable; a function when it depends on the machine. */
  readonly default: T | (() => T);
  readonly parse: (text: string) => T;
}

type OptionKey = Exclude<keyof Config, 'limits' | 'nodeAddr'>;

const LEVELS: readonly LogLevel[] = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

export const OPTIONS: { readonly [K in OptionKey]: Option<Config[K]> } = {
  port: option('PORT', 8080, 'Port of HTTP and WebSocket.', integer(1, 65_535)),
  host: option('HOST', '0.0.0.0', 'Address to listen on.', text(1, 255)),
  databaseUrl: secret('DATABASE_URL', 'PostgreSQL; without it the log is in memory.', postgresUrl),
  redisUrl: secret('REDIS_URL', 'Redis; checked, not used by this version.', redisUrl),
  enableAuth: option('ENABLE_AUTH', false, 'API keys; not in this version.', boolean),
  defaultApiKey: secret('DEFAULT_API_KEY', 'Checked, not used by this version.', text(1, 255)),
  adminApiKey: secret('ADMIN_API_KEY', 'Checked, not used by this version.', text(1, 255)),
  nodeId: option('NODE_ID', hostname, 'Name of this node, unique among nodes.', text(1, 255)),
  internalSecret: secret(
    'INTERNAL_SECRET',
    'Shared by the nodes; checked, not used by this version.',
    text(32, 1_024),
  ),
  corsOrigin: option('CORS_ORIGIN', '*', 'Origin that browsers may call from.', origin),
  acceptors: option('ACCEPTORS', 1, 'Acceptor threads: all sockets.', integer(1, 64)),
  workers: option(
    'WORKERS',
    () => Math.max(1, availableParallelism() - 1),
    'Topic worker threads.',
    integer(1, 64),
  ),
  logLevel: option('LOG_LEVEL', 'info', `One of ${LEVELS.join(', ')}.`, oneOf(LEVELS)),
  autoCreateTopics: option('AUTO_CREATE_TOPICS', true, 'A subscribe may make its topic.', boolean),
  outboxNotify: option('OUTBOX_NOTIFY', true, 'LISTEN for publishes from SQL.', boolean),
};

export const NODE_ADDR: Option<string | null> = {
  env: 'NODE_ADDR',
  text: 'Address at which other nodes reach this one.',
  secret: false,
  default: null,
  parse: address,
};

export const LIMIT_OPTIONS = Object.fromEntries(
  Object.entries(LIMITS).map(([name, spec]) => [
    name,
    option(upperSnake(name), spec.default, spec.text, integer(spec.min, spec.max)),
  ]),
) as { readonly [K in LimitName]: Option<number> };

/** payloadBytesMax -> PAYLOAD_BYTES_MAX. */
export function upperSnake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

function option<T>(
  env: string,
  fallback: T | (() => T),
  text: string,
  parse: (text: string) => T,
): Option<T> {
  return { env, text, secret: false, default: fallback, parse };
}

function secret(
  env: string,
  text: string,
  parse: (text: string) => string | null,
): Option<string | null> {
  return { env, text, secret: true, default: null, parse };
}

function integer(min: number, max: number): (value: string) => number {
  return (value) => {
    const number = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= min && number <= max) return number;
    throw new OptionError(`an integer from ${min} to ${max}, digits only`);
  };
}

function boolean(value: string): boolean {
  if (value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw new OptionError('true or false');
}

function oneOf<T extends string>(values: readonly T[]): (value: string) => T {
  return (value) => {
    const found = values.find((one) => one === value);
    if (found !== undefined) return found;
    throw new OptionError(`one of ${values.join(', ')}`);
  };
}

function text(min: number, max: number): (value: string) => string {
  return (value) => {
    const bytes = Buffer.byteLength(value);
    if (bytes >= min && bytes <= max && !/[\p{Cc}\p{Cs}]/u.test(value)) return value;
    throw new OptionError(`${min} to ${max} bytes without control characters`);
  };
}

function url(value: string, protocols: readonly string[]): string {
  const parsed = URL.canParse(value) ? new URL(value) : null;
  if (parsed !== null && protocols.includes(parsed.protocol)) return value;
  throw new OptionError(`a URL that starts with ${protocols.map((p) => `${p}//`).join(' or ')}`);
}

function postgresUrl(value: string): string {
  return url(value, ['postgres:', 'postgresql:']);
}

function redisUrl(value: string): string {
  return url(value, ['redis:', 'rediss:']);
}

function origin(value: string): string {
  if (value === '*') return value;
  const parsed = URL.canParse(value) ? new URL(value) : null;
  const isHttp = parsed?.protocol === 'http:' || parsed?.protocol === 'https:';
  if (parsed !== null && isHttp && parsed.origin === value) return value;
  throw new OptionError('* or an origin such as https://app.example.com, without a path');
}

function address(value: string): string {
  const port = Number(/^[^\s/@]{0,253}:(\d{1,5})$/.exec(value)?.[1] ?? 0);
  if (port >= 1 && port <= 65_535) return value;
  throw new OptionError('host:port or :port');
}
