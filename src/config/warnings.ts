/**
 * What is not wrong, and yet worth a line at the start: variables without effect, and near misses.
 */
import { parseDatabaseUrl } from '../core/database-url.js';
import { isLoopback } from '../core/host-name.js';
import type { Config } from './config.js';
import { LIMIT_OPTIONS, OPTIONS } from './options.js';

const KNOWN: readonly string[] = [
  ...Object.values(OPTIONS).map(({ env }) => env),
  ...Object.values(LIMIT_OPTIONS).map(({ env }) => env),
];
const PREFIX = 'CONDUIT_';
/** Read by the tests, which hand their environment on. */
const OURS_ELSEWHERE: readonly string[] = ['CONDUIT_TEST_ONLY'];

/** `names`: the variables that are set. */
export function warningsFor(config: Config, names: readonly string[]): string[] {
  const ofDatabase = config.databaseUrl === null ? [] : databaseWarnings(config.databaseUrl);
  return [...withoutEffect(config), ...ofDatabase, ...unknownNames(names)];
}

/** For a node that serves: without API keys, who reaches the port may do everything. */
export function openToAll({ host, corsOrigin }: Config): string[] {
  const lines: string[] = [];
  if (!isLoopback(host.toLowerCase())) {
    lines.push(
      `HOST: ${host} is open to all who reach the port, and there are no API keys: they may publish, read and delete`,
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
    [config.redisUrl !== null, 'REDIS_URL: this version has no backplane and does not use it'],
    [
      config.internalSecret !== null,
      'INTERNAL_SECRET: this version does not forward between nodes and does not use it',
    ],
    [config.defaultApiKey !== null, 'DEFAULT_API_KEY: this version has no API keys'],
    [config.adminApiKey !== null, 'ADMIN_API_KEY: this version has no API keys'],
    [
      limits.payloadBytesMax > limits.publishBodyBytesMax,
      'PAYLOAD_BYTES_MAX is more than PUBLISH_BODY_BYTES_MAX lets through',
    ],
    [
      limits.publishBodyBytesMax > limits.linkBytesMax,
      'PUBLISH_BODY_BYTES_MAX is more than LINK_BYTES_MAX lets through',
    ],
    [
      limits.pingIntervalS >= limits.idleTimeoutS,
      'PING_INTERVAL_S is not less than IDLE_TIMEOUT_S: sessions that only listen are closed',
    ],
  ];
  return candidates.filter(([holds]) => holds).map(([, line]) => line);
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

/** CONDUIT_* names, which we have none of, and names that are nearly one of ours. */
function unknownNames(names: readonly string[]): string[] {
  const warnings: string[] = [];
  for (const name of names) {
    if (KNOWN.includes(name) || OURS_ELSEWHERE.includes(name)) continue;
    const prefixed = name.startsWith(PREFIX);
    const bare = prefixed ? name.slice(PREFIX.length) : name;
    const near = nearest(bare, prefixed ? bare.length : distanceMax(bare));
    if (near === null) continue;
    if (prefixed) warnings.push(`${name} is not known, the nearest variable is ${near}`);
    else warnings.push(`${name} is not known; did you mean ${near}?`);
  }
  return warnings;
}

/** Short names are near one another by chance: HOME and HOST, POST and PORT. */
function distanceMax(name: string): number {
  if (name.length < 5) return 0;
  return name.length < 7 ? 1 : 2;
}

function nearest(name: string, maxDistance: number): string | null {
  const [best] = KNOWN.map((known) => ({ known, distance: editDistance(name, known) })).sort(
    (a, b) => a.distance - b.distance,
  );
  return best !== undefined && best.distance <= maxDistance ? best.known : null;
}

/** Levenshtein distance; both are names of variables, so short. */
export function editDistance(a: string, b: string): number {
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
