/**
 * What is not wrong, and yet worth a line at the start: variables without effect, and near misses.
 */
import { parseDatabaseUrl } from '../core/database-url.js';
import { isLoopback } from '../core/host-name.js';
import type { Config } from './config.js';
import type { Environment } from './environment.js';
import { nearMisses } from './near-miss.js';

/** Of a configured key that is not warned of. */
const KEY_CHARS_MIN = 16;

/** One line each, for a configuration that was made from `env`. */
export function warningsFor(config: Config, env: Environment): string[] {
  const urls = [config.databaseUrl ?? [], config.moreDatabaseUrls].flat();
  const ofDatabases = new Set(urls.flatMap(databaseWarnings));
  return [...withoutEffect(config), ...ofDatabases, ...nearMisses(env)];
}

/** For a node that serves without a database: what other nodes get of it. */
export function untold({ databaseUrl, redisUrl }: Config): string[] {
  if (databaseUrl !== null || redisUrl === null) return [];
  return [
    'REDIS_URL: without DATABASE_URL each node keeps messages of its own: other nodes are told by Redis, which may lose some; order, sequences, ids, dedupe keys and cursors are of each node',
  ];
}

/** For a node that serves: where no API keys are asked for, who reaches the port may do everything. */
export function openToAll({ host, corsOrigin, enableAuth }: Config): string[] {
  if (enableAuth) return [];
  const lines: string[] = [];
  if (!isLoopback(host.toLowerCase())) {
    lines.push(
      `HOST: ${host} is open to all who reach the port, and ENABLE_AUTH is false: they may publish, read and delete`,
    );
  }
  if (corsOrigin === '*') {
    lines.push('CORS_ORIGIN: * lets any web page use this node through the browser that shows it');
  }
  return lines;
}

function withoutEffect(config: Config): string[] {
  const { limits } = config;
  const candidates: [boolean, string][] = [
    [
      config.dataDir !== null && config.databaseUrl !== null,
      'CONDUIT_DATA_DIR: has no effect beside DATABASE_URL',
    ],
    [
      config.internalPort !== null && config.internalCaFile === null,
      'INTERNAL_CA_FILE: is unset: what nodes tell each other on INTERNAL_PORT, the secret too, can be read on the way',
    ],
    [
      config.internalSecret === null && config.redisUrl !== null,
      'INTERNAL_SECRET: is unset: whoever may publish in Redis can make up messages',
    ],
    [
      config.defaultApiKey !== null && !config.enableAuth,
      'DEFAULT_API_KEY: has no effect while ENABLE_AUTH is false',
    ],
    [
      config.adminApiKey !== null && !config.enableAuth,
      'ADMIN_API_KEY: has no effect while ENABLE_AUTH is false',
    ],
    [
      config.jwtIssuer !== null && !config.enableAuth,
      'JWT_ISSUER: has no effect while ENABLE_AUTH is false',
    ],
    [
      config.trustedProxies?.split(',').some((block) => block.endsWith('/0')) === true,
      'TRUSTED_PROXIES: trusts everybody, so that each client says itself which address it has',
    ],
    [
      isShort(config.defaultApiKey),
      'DEFAULT_API_KEY: has less than 16 characters: it can be guessed',
    ],
    [isShort(config.adminApiKey), 'ADMIN_API_KEY: has less than 16 characters: it can be guessed'],
    [
      limits.payloadBytesMax > limits.publishBodyBytesMax,
      'PAYLOAD_BYTES_MAX is more than PUBLISH_BODY_BYTES_MAX lets through',
    ],
    [
      limits.publishBodyBytesMax > limits.linkBytesMax,
      'PUBLISH_BODY_BYTES_MAX is more than LINK_BYTES_MAX lets through',
    ],
    [
      limits.unreadBytesMax <= limits.wsMessageBytesMax,
      'UNREAD_BYTES_MAX is not more than WS_MESSAGE_BYTES_MAX: one message may close its session',
    ],
    [
      limits.pingIntervalS >= limits.idleTimeoutS,
      'PING_INTERVAL_S is not less than IDLE_TIMEOUT_S: sessions that only listen are closed',
    ],
  ];
  return candidates.filter(([holds]) => holds).map(([, line]) => line);
}

function isShort(key: string | null): boolean {
  return key !== null && key.length < KEY_CHARS_MIN;
}

function databaseWarnings(databaseUrl: string): string[] {
  const { parameters } = parseDatabaseUrl(databaseUrl);
  const lines = parameters
    .withoutEffect()
    .map((name) => `DATABASE_URL: ${name} has no effect: Conduit sets it for each session`);
  if (parameters.get('channel_binding') === 'require') {
    lines.push('DATABASE_URL: channel_binding=require is used where the server offers it');
  }
  return lines;
}
