/**
 * Reads the environment by the table of options.ts into a frozen Config. The first wrong variable
 * stops it, with one line that names the variable, what it got (never a secret) and what it takes.
 */
import type { LimitName, Limits } from '../core/limits.js';
import type { Config } from './config.js';
import { LIMIT_OPTIONS, NODE_ADDR, OPTIONS, type Option, OptionError } from './options.js';

export type Environment = Readonly<Record<string, string | undefined>>;

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
  const limits = Object.fromEntries(
    Object.entries(LIMIT_OPTIONS).map(([name, option]) => [name, read(option, env)]),
  ) as Record<LimitName, number>;
  const port = read(OPTIONS.port, env);
  const config: Config = {
    port,
    host: read(OPTIONS.host, env),
    databaseUrl: read(OPTIONS.databaseUrl, env),
    redisUrl: read(OPTIONS.redisUrl, env),
    enableAuth: read(OPTIONS.enableAuth, env),
    defaultApiKey: read(OPTIONS.defaultApiKey, env),
    adminApiKey: read(OPTIONS.adminApiKey, env),
    nodeId: read(OPTIONS.nodeId, env),
    nodeAddr: read(NODE_ADDR, env) ?? `:${port}`,
    internalSecret: read(OPTIONS.internalSecret, env),
    corsOrigin: read(OPTIONS.corsOrigin, env),
    acceptors: read(OPTIONS.acceptors, env),
    workers: read(OPTIONS.workers, env),
    logLevel: read(OPTIONS.logLevel, env),
    autoCreateTopics: read(OPTIONS.autoCreateTopics, env),
    outboxNotify: read(OPTIONS.outboxNotify, env),
    limits: Object.freeze(limits) as Limits,
  };
  if (config.enableAuth) {
    throw new ConfigError('ENABLE_AUTH=true: this version has no API keys yet; unset it');
  }
  return { config: Object.freeze(config), warnings: warningsFor(config, env) };
}

export interface EffectiveOption {
  env: string;
  /** As text; secrets masked; '' when unset. */
  value: string;
  source: 'environment' | 'default';
  text: string;
}

/** The effective table, for `conduit config`. Throws ConfigError as loadConfig does. */
export function effectiveOptions(env: Environment): EffectiveOption[] {
  loadConfig(env);
  return allOptions().map((option) => {
    const value = read(option, env);
    const shown = value === null ? '' : option.secret ? '(set)' : String(value);
    const source = env[option.env] === undefined ? 'default' : 'environment';
    return { env: option.env, value: shown, source, text: option.text };
  });
}

function allOptions(): Option<unknown>[] {
  return [
    ...Object.values(OPTIONS),
    NODE_ADDR,
    ...Object.values(LIMIT_OPTIONS),
  ] as Option<unknown>[];
}

function read<T>(option: Option<T>, env: Environment): T {
  const text = env[option.env];
  if (text === undefined) {
    return typeof option.default === 'function' ? (option.default as () => T)() : option.default;
  }
  try {
    return option.parse(text);
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    const got = option.secret ? 'a value that does not fit' : JSON.stringify(shorten(text));
    throw new ConfigError(`${option.env}: got ${got}, takes ${error.message}`);
  }
}

function shorten(text: string): string {
  return text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}...` : text;
}

function warningsFor(config: Config, env: Environment): string[] {
  const unused = [
    [config.redisUrl, 'REDIS_URL is valid; this version has no backplane and does not use it'],
    [
      config.internalSecret,
      'INTERNAL_SECRET is valid; this version does not forward between nodes',
    ],
    [config.defaultApiKey, 'DEFAULT_API_KEY is set; this version has no API keys'],
    [config.adminApiKey, 'ADMIN_API_KEY is set; this version has no API keys'],
  ];
  return [
    ...unused.filter(([value]) => value !== null).map(([, text]) => String(text)),
    ...unknownNames(env),
  ];
}

/** CONDUIT_* names that are not ours, and names that are nearly one of ours. */
function unknownNames(env: Environment): string[] {
  const known = allOptions().map((option) => option.env);
  const warnings: string[] = [];
  for (const name of Object.keys(env)) {
    if (known.includes(name)) continue;
    const ours = name.startsWith('CONDUIT_');
    const bare = ours ? name.slice('CONDUIT_'.length) : name;
    const distanceMax = ours ? 4 : bare.length > 6 ? 2 : 0;
    const [nearest] = known
      .map((one) => ({ one, distance: editDistance(bare, one) }))
      .filter(({ distance }) => distance <= distanceMax)
      .sort((a, b) => a.distance - b.distance);
    if (nearest !== undefined) warnings.push(`${name} is not known; did you mean ${nearest.one}?`);
    else if (ours) warnings.push(`${name} is not known; variables have no prefix`);
  }
  return warnings;
}

/** Levenshtein distance; both are names of variables, so short. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
