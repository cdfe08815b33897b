/**
 * Reads the environment by the table of options.ts into a frozen Config. The first wrong variable
 * stops it, with one line that names the variable, what it got (never a secret) and what it takes.
 * An empty variable is wrong too, whatever it takes: what it would mean is anybody's guess.
 */
import { hostname } from 'node:os';
import { databaseUrls } from '../core/database-url.js';
import type { LimitName, Limits } from '../core/limits.js';
import type { Config } from './config.js';
import type { Environment } from './environment.js';
import { LIMIT_OPTIONS, OPTIONS, type Option } from './options.js';
import { warningsFor } from './warnings.js';

/** One line for stderr; the process exits 78 (EX_CONFIG). */
export class ConfigError extends Error {}

export interface LoadedConfig {
  config: Config;
  /** One line each, said once at start. */
  warnings: string[];
}

const SHOWN_CHARS_MAX = 60;

/** Throws ConfigError. */
export function loadConfig(env: Environment): LoadedConfig {
  const port = required(OPTIONS.port, env);
  const urls = optional(OPTIONS.databaseUrl, env);
  const [databaseUrl = null, ...moreDatabaseUrls] = urls === null ? [] : databaseUrls(urls);
  const config: Config = Object.freeze({
    port,
    host: required(OPTIONS.host, env),
    databaseUrl,
    moreDatabaseUrls: Object.freeze(moreDatabaseUrls),
    dataDir: optional(OPTIONS.dataDir, env),
    redisUrl: optional(OPTIONS.redisUrl, env),
    clusterName: required(OPTIONS.clusterName, env),
    enableAuth: required(OPTIONS.enableAuth, env),
    defaultApiKey: optional(OPTIONS.defaultApiKey, env),
    adminApiKey: optional(OPTIONS.adminApiKey, env),
    jwtIssuer: optional(OPTIONS.jwtIssuer, env),
    jwtAudience: optional(OPTIONS.jwtAudience, env),
    jwtJwksFile: optional(OPTIONS.jwtJwksFile, env),
    jwtJwksUrl: optional(OPTIONS.jwtJwksUrl, env),
    jwtHs256Secret: optional(OPTIONS.jwtHs256Secret, env),
    jwtTenant: required(OPTIONS.jwtTenant, env),
    nodeId: required(OPTIONS.nodeId, env),
    nodeIdFrom: env[OPTIONS.nodeId.env] === undefined ? 'host name' : 'NODE_ID',
    nodeAddr: dialled(optional(OPTIONS.nodeAddr, env) ?? `:${port}`),
    internalSecret: optional(OPTIONS.internalSecret, env),
    internalPort: optional(OPTIONS.internalPort, env),
    internalCaFile: optional(OPTIONS.internalCaFile, env),
    internalCertFile: optional(OPTIONS.internalCertFile, env),
    internalKeyFile: optional(OPTIONS.internalKeyFile, env),
    corsOrigin: required(OPTIONS.corsOrigin, env),
    allowedHosts: required(OPTIONS.allowedHosts, env),
    trustedProxies: optional(OPTIONS.trustedProxies, env),
    webhookAllow: optional(OPTIONS.webhookAllow, env),
    tlsCertFile: optional(OPTIONS.tlsCertFile, env),
    tlsKeyFile: optional(OPTIONS.tlsKeyFile, env),
    acceptors: required(OPTIONS.acceptors, env),
    workers: required(OPTIONS.workers, env),
    metricsPort: optional(OPTIONS.metricsPort, env),
    metricsToken: optional(OPTIONS.metricsToken, env),
    logLevel: required(OPTIONS.logLevel, env),
    logFormat: optional(OPTIONS.logFormat, env),
    autoCreateTopics: required(OPTIONS.autoCreateTopics, env),
    outboxNotify: required(OPTIONS.outboxNotify, env),
    limits: loadLimits(env),
  });
  refuseHalfTls(config);
  refuseHalfIssuer(config);
  refuseHalfInternal(config);
  refuseHalfMetrics(config);
  if (config.defaultApiKey !== null && config.defaultApiKey === config.adminApiKey) {
    throw new ConfigError(
      'ADMIN_API_KEY: is the same as DEFAULT_API_KEY; give them different keys',
    );
  }
  return { config, warnings: warningsFor(config, env) };
}

/** An address without a host cannot be dialled. */
function dialled(address: string): string {
  return address.startsWith(':') ? `${hostname()}${address}` : address;
}

function refuseHalfTls({ tlsCertFile, tlsKeyFile }: Config): void {
  if ((tlsCertFile === null) === (tlsKeyFile === null)) return;
  const [unset, set] =
    tlsCertFile === null ? ['TLS_CERT_FILE', 'TLS_KEY_FILE'] : ['TLS_KEY_FILE', 'TLS_CERT_FILE'];
  throw new ConfigError(`${unset}: is unset, and ${set} is of no use without it`);
}

/** Without its audience, tokens that it made for others would be good; without keys none would be. */
function refuseHalfIssuer(config: Config): void {
  const { jwtIssuer, jwtAudience, jwtJwksFile, jwtJwksUrl, jwtHs256Secret } = config;
  if (jwtJwksFile !== null && jwtJwksUrl !== null) {
    throw new ConfigError('JWT_JWKS_URL: is set beside JWT_JWKS_FILE; set one of them');
  }
  const parts = [
    ['JWT_ISSUER', jwtIssuer],
    ['JWT_AUDIENCE', jwtAudience],
    [
      'JWT_JWKS_URL, JWT_JWKS_FILE or JWT_HS256_SECRET',
      jwtJwksUrl ?? jwtJwksFile ?? jwtHs256Secret,
    ],
  ] as const;
  const [unset] = parts.find(([, value]) => value === null) ?? [];
  const [set] = parts.find(([, value]) => value !== null) ?? [];
  if (unset === undefined || set === undefined) return;
  throw new ConfigError(`${unset}: is unset, and ${set} is of no use without it`);
}

/** A port of its own is of use to nodes that know the secret; its certificates come together. */
function refuseHalfInternal(config: Config): void {
  const { port, internalPort, internalSecret } = config;
  if (internalPort === port) {
    throw new ConfigError('INTERNAL_PORT: is the same as PORT; unset it, or give it another');
  }
  const files = [
    ['INTERNAL_CA_FILE', config.internalCaFile],
    ['INTERNAL_CERT_FILE', config.internalCertFile],
    ['INTERNAL_KEY_FILE', config.internalKeyFile],
  ] as const;
  const [set] = files.find(([, file]) => file !== null) ?? [];
  const [unset] = files.find(([, file]) => file === null) ?? [];
  if (internalPort !== null && internalSecret === null)
    throw useless('INTERNAL_SECRET', 'INTERNAL_PORT');
  if (set === undefined) return;
  if (internalPort === null) throw useless('INTERNAL_PORT', set);
  if (unset !== undefined) throw useless(unset, set);
}

function useless(unset: string, set: string): ConfigError {
  return new ConfigError(`${unset}: is unset, and ${set} is of no use without it`);
}

function refuseHalfMetrics({ port, metricsPort, metricsToken }: Config): void {
  if (metricsPort === port) throw new ConfigError('METRICS_PORT: is the same as PORT');
  if (metricsPort !== null || metricsToken === null) return;
  throw new ConfigError(
    'METRICS_PORT: is unset, and METRICS_TOKEN is of no use without it: on PORT, /metrics asks for an API key',
  );
}

function loadLimits(env: Environment): Limits {
  const limits = Object.fromEntries(
    Object.entries(LIMIT_OPTIONS).map(([name, option]) => [name, required(option, env)]),
  );
  return Object.freeze(limits as Record<LimitName, number>);
}

function required<T>(option: Option<T>, env: Environment): T {
  const value = optional(option, env);
  if (value === null) throw new ConfigError(`${option.env}: is unset, takes ${option.takes}`);
  return value;
}

function optional<T>(option: Option<T>, env: Environment): T | null {
  const text = env[option.env];
  if (text === undefined) return option.fallback;
  if (text === '') {
    throw new ConfigError(`${option.env}: is empty; unset it, or give ${option.takes}`);
  }
  const trouble = option.trouble?.(text) ?? null;
  if (trouble !== null) throw new ConfigError(`${option.env}: ${trouble}`);
  const value = option.parse(text);
  if (value !== undefined) return value;
  const got = option.secret ? 'something else (not shown)' : JSON.stringify(shorten(text));
  throw new ConfigError(`${option.env}: got ${got}, takes ${option.takes}`);
}

function shorten(text: string): string {
  return text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}...` : text;
}
