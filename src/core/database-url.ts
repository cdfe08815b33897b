/**
 * Reads a PostgreSQL URL as libpq does (PostgreSQL documentation, "Connection URIs"), and says in one
 * line what is wrong with one: never more of it than the name of a parameter, since any other part may
 * be a piece of a password that was not encoded. Pure: no file, no environment.
 */
import { DatabaseParameters, UrlTrouble } from './database-parameters.js';

export interface DatabaseUrl {
  /** A name, an address, or the folder of a socket; '' where the URL leaves it to the machine. */
  readonly host: string;
  /** Null, here and below: the URL does not say. */
  readonly port: number | null;
  readonly user: string | null;
  readonly password: string | null;
  readonly database: string | null;
  readonly parameters: DatabaseParameters;
}

const PORT_MAX = 65_535;
/** What a password must not have as it is, and how it is written. */
const ENCODED: Readonly<Record<string, string>> = {
  '#': '%23',
  '@': '%40',
  '/': '%2F',
  '?': '%3F',
};

/** Throws UrlTrouble. */
export function parseDatabaseUrl(text: string): DatabaseUrl {
  refuseForeign(text);
  const rest = text.slice(text.indexOf('//') + 2);
  const { authority, path, query } = split(rest);
  const at = authority.indexOf('@');
  const [user, password] = at < 0 ? [null, null] : credentials(authority.slice(0, at));
  const place = hostAndPort(authority.slice(at + 1));
  const parameters = new DatabaseParameters(query);
  return {
    host: otherHost(parameters.take('host')) ?? place.host,
    port: portOf(parameters.take('port') ?? place.port),
    user: parameters.take('user') ?? user,
    password: parameters.take('password') ?? password,
    database: parameters.take('dbname') ?? (path === '' ? null : decode(path, 'the database')),
    parameters: parameters.checked(),
  };
}

/** Null when it can be read; else why not, in one line without a secret. */
export function databaseUrlTrouble(text: string): string | null {
  try {
    parseDatabaseUrl(text);
    return null;
  } catch (error) {
    if (error instanceof UrlTrouble) return error.message;
    throw error;
  }
}

/** One URL, or several with white space between them: where one of them begins another ends. */
export function databaseUrls(text: string): string[] {
  const urls = text.split(/\s+(?=postgres(?:ql)?:\/\/)/);
  return urls.length === 1 ? urls : urls.map((url) => url.trim());
}

/** As `databaseUrlTrouble`, of each; which of them, where there are several. */
export function databaseUrlsTrouble(text: string): string | null {
  const urls = databaseUrls(text);
  for (const [n, url] of urls.entries()) {
    const trouble = databaseUrlTrouble(url);
    if (trouble !== null)
      return urls.length === 1 ? trouble : `URL ${n + 1} of ${urls.length} ${trouble}`;
  }
  const twice = urls.findIndex((url, n) => urls.indexOf(url) !== n);
  return twice < 0 ? null : `URL ${twice + 1} of ${urls.length} stands there twice`;
}

/** The same URL, in words that leave nothing to the server. */
export function withSslMode(databaseUrl: string, mode: 'disable' | 'require'): string {
  const bare = databaseUrl.replace(/([?&])sslmode=[^&]*(&|$)/, (_, before, after) =>
    after === '&' ? before : '',
  );
  return `${bare}${bare.includes('?') ? '&' : '?'}sslmode=${mode}`;
}

/** host/database of a connection string, for people: never its user or password. */
export function describeDatabase(databaseUrl: string): string {
  const { host, port, user, database } = parseDatabaseUrl(databaseUrl);
  const shown = host.includes(':') ? `[${host}]` : host;
  const place = host === '' ? 'the local socket' : shown;
  return `${place}${port === null ? '' : `:${port}`}/${database ?? user ?? ''}`;
}

/** Whether the server is reached by a socket in a folder. */
export function isSocketFolder(host: string): boolean {
  return host.startsWith('/');
}

function refuseForeign(text: string): void {
  if (/^["'].*["']$/s.test(text)) throw new UrlTrouble('stands in quotes; write it without them');
  if (/^\s|\s$/.test(text)) throw new UrlTrouble('begins or ends with white space; remove it');
  if (!/^postgres(ql)?:\/\//.test(text)) {
    throw new UrlTrouble('takes a URL that starts with postgres:// or postgresql://');
  }
  if (/[\s\p{Cc}]/u.test(text)) {
    throw new UrlTrouble('has white space or a control character; write a space as %20');
  }
  if (text.includes('#')) throw unencoded('#');
  if (/%(?![0-9a-f]{2})/i.test(text)) {
    throw new UrlTrouble('has a % that begins no code; write % itself as %25');
  }
}

function unencoded(character: string): UrlTrouble {
  return new UrlTrouble(
    `has ${character} where the URL cannot have it; ` +
      `in a user name or password write it as ${ENCODED[character] ?? character}`,
  );
}

interface Parts {
  authority: string;
  path: string;
  query: string;
}

function split(rest: string): Parts {
  const [, authority = '', path = '', query = ''] = /^([^/?]*)\/?([^?]*)\??(.*)$/s.exec(rest) ?? [];
  if (authority.indexOf('@') !== authority.lastIndexOf('@')) throw unencoded('@');
  // Where a password goes on, the host seems to end: at the character that it should not have.
  if (path.includes('@')) throw unencoded(authority.includes('@') ? '@' : '/');
  if (query.includes('@') && !/^[a-z_]+=/.test(query)) throw unencoded('?');
  return { authority, path, query };
}

function credentials(text: string): [user: string | null, password: string | null] {
  const colon = text.indexOf(':');
  const user = decode(colon < 0 ? text : text.slice(0, colon), 'the user name');
  const password = colon < 0 ? '' : decode(text.slice(colon + 1), 'the password');
  return [user === '' ? null : user, password === '' ? null : password];
}

function hostAndPort(text: string): { host: string; port: string | null } {
  onlyOne(text);
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/.exec(text) ?? [];
  if (bracketed === undefined && plain === undefined) {
    throw new UrlTrouble('has a host with colons or brackets; write an IPv6 address as [::1]');
  }
  if (port?.includes(':') === true) {
    throw new UrlTrouble('has a host with colons; write an IPv6 address as [::1]');
  }
  const host = bracketed ?? decode(plain ?? '', 'the host');
  return { host, port: port === undefined || port === '' ? null : port };
}

/** A socket's folder may have a comma in its name, when it is written as the URL's host. */
function otherHost(host: string | null): string | null {
  return host === null ? null : onlyOne(host);
}

function onlyOne(host: string): string {
  if (host.includes(',')) throw new UrlTrouble('names several hosts; this version takes one host');
  return host;
}

function portOf(text: string | null): number | null {
  if (text === null) return null;
  onlyOne(text);
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > PORT_MAX) {
    throw new UrlTrouble(`has a port that is none; the port is an integer from 1 to ${PORT_MAX}`);
  }
  return port;
}

function decode(text: string, what: string): string {
  return DatabaseParameters.decode(text, what);
}
