/**
 * The one table of what can be configured: the environment variable, what it means, what it takes,
 * its default. The limits of core/limits.ts become variables by their names.
 */
import { availableParallelism, hostname } from 'node:os';
import type { LimitName } from '../core/limits.js';
import { LIMITS, variableOf } from '../core/limits.js';
import type { Config, LogFormat, LogLevel } from './config.js';
import {
  address,
  addressBlocks,
  apiKey,
  boolean,
  databaseUrl,
  hostNames,
  integer,
  keysUrl,
  type OptionKind,
  oneOf,
  origins,
  plainName,
  redisUrl,
  tenantName,
  text,
} from './kinds.js';

export interface Option<T> extends OptionKind<T> {
  readonly env: string;
  readonly text: string;
  /** Never printed. */
  readonly secret: boolean;
  /** The value without the variable. */
  readonly fallback: T | null;
}

/** null where Config knows a null, or load-config.ts works the default out. */
type OptionOf<K extends keyof Config> = Option<NonNullable<Config[K]>>;

type OptionKey = Exclude<keyof Config, 'limits' | 'nodeIdFrom' | 'moreDatabaseUrls'>;

const LEVELS: readonly LogLevel[] = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];
const FORMATS: readonly LogFormat[] = ['pretty', 'json'];
const SECRET_BYTES_MIN = 32;
const THREADS_MAX = 64;

export const OPTIONS: { readonly [K in OptionKey]: OptionOf<K> } = {
  port: option('PORT', 8080, 'Port of HTTP and WebSocket.', integer(1, 65_535)),
  host: option('HOST', '0.0.0.0', 'Address to listen on.', text(1, 255)),
  databaseUrl: secret('DATABASE_URL', 'PostgreSQL; without it the log is in memory.', databaseUrl),
  dataDir: option(
    'CONDUIT_DATA_DIR',
    null,
    'Folder of the embedded PostgreSQL of `conduit start`; by default .conduit.',
    text(1, 1_024),
  ),
  redisUrl: secret('REDIS_URL', 'Redis, which brings messages of other nodes at once.', redisUrl),
  clusterName: option(
    'CLUSTER_NAME',
    'conduit',
    'Begins the names of channels in Redis.',
    plainName,
  ),
  enableAuth: option('ENABLE_AUTH', false, 'Whether an API key is asked of everybody.', boolean),
  defaultApiKey: secret(
    'DEFAULT_API_KEY',
    'Key of the default tenant, good for all but operating.',
    apiKey,
  ),
  adminApiKey: secret('ADMIN_API_KEY', 'Key of the operator; without it there is none.', apiKey),
  jwtIssuer: option(
    'JWT_ISSUER',
    null,
    'Issuer whose JWTs are taken as tokens: their `iss`, whole.',
    text(1, 1_024),
  ),
  jwtAudience: option('JWT_AUDIENCE', null, 'What their `aud` must be, or hold.', text(1, 1_024)),
  jwtJwksFile: option(
    'JWT_JWKS_FILE',
    null,
    'Public keys of the issuer, a JWKS; read again for a key that is not in it.',
    text(1, 4_096),
  ),
  jwtJwksUrl: option(
    'JWT_JWKS_URL',
    null,
    'The same, fetched from there and from nowhere else.',
    keysUrl,
  ),
  jwtHs256Secret: secret(
    'JWT_HS256_SECRET',
    'Secret that the issuer signs HS256 with; without it HS256 is not taken.',
    text(SECRET_BYTES_MIN, 1_024),
  ),
  jwtTenant: option('JWT_TENANT', 'default', 'Tenant whose tokens they are.', tenantName),
  nodeId: option(
    'NODE_ID',
    hostname(),
    'Name of this node, unique among nodes; the second of a host is <host name>-<port>.',
    text(1, 255),
  ),
  nodeAddr: option(
    'NODE_ADDR',
    null,
    'Address at which other nodes reach this one; without a host, that of this machine.',
    address,
  ),
  internalSecret: secret(
    'INTERNAL_SECRET',
    'Shared by the nodes: signs what they tell each other, and opens POST /internal/forward.',
    text(SECRET_BYTES_MIN, 1_024),
  ),
  internalPort: option(
    'INTERNAL_PORT',
    null,
    'Port for POST /internal/forward of other nodes, which PORT then does not take.',
    integer(1, 65_535),
  ),
  internalCaFile: option(
    'INTERNAL_CA_FILE',
    null,
    'Authority whose certificates nodes show each other on INTERNAL_PORT, in PEM.',
    text(1, 4_096),
  ),
  internalCertFile: option(
    'INTERNAL_CERT_FILE',
    null,
    'Certificate that this node shows there, for the host in NODE_ADDR, in PEM.',
    text(1, 4_096),
  ),
  internalKeyFile: option('INTERNAL_KEY_FILE', null, 'Its private key, in PEM.', text(1, 4_096)),
  corsOrigin: option('CORS_ORIGIN', '*', 'Origins that browsers may call from.', origins),
  allowedHosts: option(
    'ALLOWED_HOSTS',
    '*',
    'Names that a Host header may have, beside addresses.',
    hostNames,
  ),
  trustedProxies: option(
    'TRUSTED_PROXIES',
    null,
    'Proxies in front, whose X-Forwarded-For is believed.',
    addressBlocks,
  ),
  webhookAllow: option(
    'WEBHOOK_ALLOW',
    null,
    'Private addresses that webhooks may lead to; without it none.',
    addressBlocks,
  ),
  tlsCertFile: option(
    'TLS_CERT_FILE',
    null,
    'Certificates for TLS, in PEM, its own first; read again at SIGHUP.',
    text(1, 4_096),
  ),
  tlsKeyFile: option('TLS_KEY_FILE', null, 'Its private key, in PEM.', text(1, 4_096)),
  acceptors: option('ACCEPTORS', 1, 'Acceptor threads: all sockets.', integer(1, THREADS_MAX)),
  workers: option(
    'WORKERS',
    Math.min(THREADS_MAX, Math.max(1, availableParallelism() - 1)),
    'Topic worker threads.',
    integer(1, THREADS_MAX),
  ),
  metricsPort: option(
    'METRICS_PORT',
    null,
    'A port for GET /metrics alone, without API keys; it is on PORT, too.',
    integer(1, 65_535),
  ),
  metricsToken: secret(
    'METRICS_TOKEN',
    'What METRICS_PORT asks for, as Authorization: Bearer.',
    text(16, 1_024),
  ),
  logLevel: option('LOG_LEVEL', 'info', 'How much is logged.', oneOf(LEVELS)),
  logFormat: option(
    'LOG_FORMAT',
    null,
    'Lines of the log for people, or JSON; by default for people on a terminal only.',
    oneOf(FORMATS),
  ),
  autoCreateTopics: option('AUTO_CREATE_TOPICS', true, 'A subscribe may make its topic.', boolean),
  outboxNotify: option('OUTBOX_NOTIFY', true, 'LISTEN for publishes from SQL.', boolean),
};

export const LIMIT_OPTIONS = Object.fromEntries(
  Object.entries(LIMITS).map(([name, spec]) => {
    const kind = integer(spec.min, spec.max, unitOf(name));
    return [name, option(variableOf(name), spec.default, spec.text, kind)];
  }),
) as { readonly [K in LimitName]: Option<number> };

/** The unit stands in the name, as its last word but Max. */
function unitOf(name: string): string {
  const word = /(Bytes|Ms|S|Hours|Days)(Max)?$/.exec(name)?.[1];
  if (word === 'S') return 'seconds';
  return word?.toLowerCase() ?? '';
}

function option<T>(
  env: string,
  fallback: T | null,
  meaning: string,
  kind: OptionKind<T>,
): Option<T> {
  return { env, text: meaning, secret: false, fallback, ...kind };
}

function secret<T>(env: string, meaning: string, kind: OptionKind<T>): Option<T> {
  return { env, text: meaning, secret: true, fallback: null, ...kind };
}
