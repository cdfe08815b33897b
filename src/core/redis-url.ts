/**
 * Reads a REDIS_URL: of one server, of a Redis Cluster, or of Sentinels and the master they watch. Says in
 * one line what is wrong with one, never with a part of it, which may be a piece of a password. Pure.
 */

export interface RedisPlace {
  readonly host: string;
  readonly port: number;
}

export interface RedisUrl {
  readonly kind: 'server' | 'cluster' | 'sentinel';
  readonly tls: boolean;
  /** The server; some of the cluster's; the Sentinels. One at least. */
  readonly places: readonly RedisPlace[];
  /** Null, here and below: the URL does not say. */
  readonly user: string | null;
  readonly password: string | null;
  /** As Sentinels know it; null for the other kinds. */
  readonly master: string | null;
  readonly sentinelUser: string | null;
  readonly sentinelPassword: string | null;
}

export class RedisUrlTrouble extends Error {}

const SCHEME = /^redis(s?)(\+cluster|\+sentinel)?:\/\//;
const SERVER_PORT = 6379;
const SENTINEL_PORT = 26379;
const PLACES_MAX = 64;
const SENTINEL_PARAMETERS = ['sentinel_user', 'sentinel_password'];
const UNREADABLE =
  'cannot be read as a URL; in a user name or password write # as %23, @ as %40, / as %2F, ' +
  '? as %3F, % as %25 and a space as %20';

/** Throws RedisUrlTrouble. */
export function parseRedisUrl(text: string): RedisUrl {
  const [start = '', s, form] = SCHEME.exec(text) ?? [];
  if (start === '') throw new RedisUrlTrouble('does not start with redis:// or rediss://');
  const kind = form === '+cluster' ? 'cluster' : form === '+sentinel' ? 'sentinel' : 'server';
  const { login, hosts, path, query } = split(text.slice(start.length));
  if (kind === 'server' && hosts.length > 1) {
    throw new RedisUrlTrouble(
      'names several hosts: begin it with redis+cluster:// or redis+sentinel:// (rediss+ for TLS)',
    );
  }
  const port = kind === 'sentinel' ? SENTINEL_PORT : SERVER_PORT;
  const places = hosts.map((host) => placeOf(login, host, port));
  const sentinel = sentinelLogin(kind, query);
  return {
    kind,
    tls: s === 's',
    places,
    ...loginOf(login),
    master: masterOf(kind, path),
    ...sentinel,
  };
}

/** Null when it can be read. */
export function redisUrlTrouble(text: string): string | null {
  try {
    parseRedisUrl(text);
    return null;
  } catch (error) {
    if (error instanceof RedisUrlTrouble) return error.message;
    throw error;
  }
}

interface Parts {
  login: string | null;
  hosts: string[];
  path: string;
  query: string;
}

function split(rest: string): Parts {
  const parts = /\s/.test(rest)
    ? null
    : /^(?:([^@/?#]*)@)?([^@/?#]*)(?:\/([^?#@]*))?(?:\?([^#@]*))?$/.exec(rest);
  if (parts === null) throw new RedisUrlTrouble(UNREADABLE);
  const [, login, hosts = '', path = '', query = ''] = parts;
  if (hosts === '') throw new RedisUrlTrouble('names no host');
  const all = hosts.split(',');
  if (all.length > PLACES_MAX) throw new RedisUrlTrouble(`names more than ${PLACES_MAX} hosts`);
  return { login: login ?? null, hosts: all, path, query };
}

/** By the rules of URLs. */
function placeOf(login: string | null, host: string, port: number): RedisPlace {
  const url = parsed(`redis://${login === null ? '' : `${login}@`}${host}`);
  if (url === null || url.hostname === '') throw new RedisUrlTrouble(UNREADABLE);
  const name = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return { host: name, port: url.port === '' ? port : Number(url.port) };
}

function loginOf(login: string | null): Pick<RedisUrl, 'user' | 'password'> {
  const colon = login?.indexOf(':') ?? -1;
  const user = colon < 0 ? login : (login?.slice(0, colon) ?? null);
  const password = colon < 0 ? null : (login?.slice(colon + 1) ?? null);
  return { user: decoded(user), password: decoded(password) };
}

/** What Redis calls a database has no part in pub/sub, and is taken of one server when it is a number. */
function masterOf(kind: RedisUrl['kind'], path: string): string | null {
  if (kind === 'sentinel') {
    if (/^[A-Za-z0-9._-]{1,128}$/.test(path)) return path;
    throw new RedisUrlTrouble(
      'names no master: write the name that the Sentinels have for it after the hosts, as /mymaster',
    );
  }
  const taken = kind === 'server' ? /^\d{0,5}$/ : /^$/;
  if (taken.test(path)) return null;
  throw new RedisUrlTrouble('has a path after the host, which it does not take');
}

function sentinelLogin(
  kind: RedisUrl['kind'],
  query: string,
): Pick<RedisUrl, 'sentinelUser' | 'sentinelPassword'> {
  const parameters = new URLSearchParams(query);
  const known = kind === 'sentinel' ? SENTINEL_PARAMETERS : [];
  if ([...parameters.keys()].some((name) => !known.includes(name))) {
    throw new RedisUrlTrouble(
      `has parameters that it does not take; ${SENTINEL_PARAMETERS.join(' and ')} are those of redis+sentinel://`,
    );
  }
  return {
    sentinelUser: parameters.get('sentinel_user'),
    sentinelPassword: parameters.get('sentinel_password'),
  };
}

function decoded(text: string | null): string | null {
  if (text === null || text === '') return null;
  try {
    return decodeURIComponent(text);
  } catch {
    throw new RedisUrlTrouble(UNREADABLE);
  }
}

function parsed(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}
