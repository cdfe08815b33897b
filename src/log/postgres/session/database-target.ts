/**
 * Where a DATABASE_URL leads, as the driver takes it: with libpq's meanings for TLS, which the
 * driver's own reading of a URL does not have. Reads the files of certificates at each call, so that
 * renewed ones count from the next session on.
 */
import { existsSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { type ConnectionOptions, createSecureContext, type SecureVersion } from 'node:tls';
import {
  type DatabaseParameters,
  SSL_MODES,
  type SslMode,
  UrlTrouble,
} from '../../../core/database-parameters.js';
import { type DatabaseUrl, isSocketFolder, parseDatabaseUrl } from '../../../core/database-url.js';
import { quoteShort } from '../../../core/quote.js';

/** Options of pg's Client and Pool. What is absent is the driver's to find: PGUSER, .pgpass and so on. */
export interface DatabaseTarget {
  host?: string;
  port?: number;
  user?: string;
  password?: string;
  database?: string;
  options?: string;
  ssl: ConnectionOptions | false;
  sslnegotiation?: 'postgres' | 'direct';
  enableChannelBinding?: boolean;
}

const PORT = 5432;
/** Where PostgreSQL's packages and PostgreSQL itself put their sockets. */
const SOCKET_FOLDERS = ['/var/run/postgresql', '/tmp'];

/**
 * Throws UrlTrouble. A URL that leaves it to the server whether there is TLS (prefer, allow) means
 * none here: database-check.ts asks the server at the start and writes down what it said.
 */
export function databaseTarget(databaseUrl: string): DatabaseTarget {
  const url = parseDatabaseUrl(databaseUrl);
  const { parameters } = url;
  const host = hostOf(url);
  const options = parameters.get('options');
  const isDirect = parameters.get('sslnegotiation') === 'direct';
  const ssl = isSocketFolder(host ?? '') ? false : tlsOf(parameters);
  return {
    ssl,
    ...(host === null ? {} : { host }),
    ...(url.port === null ? {} : { port: url.port }),
    ...withUser(url.user),
    ...(url.password === null ? {} : { password: url.password }),
    ...(url.database === null ? {} : { database: url.database }),
    ...(options === null ? {} : { options }),
    ...(isDirect && ssl !== false ? { sslnegotiation: 'direct' } : {}),
    enableChannelBinding: ['prefer', 'require'].includes(parameters.get('channel_binding') ?? ''),
  };
}

/** Null when the files that the URL names can be used; else why not, in one line without a secret. */
export function targetTrouble(databaseUrl: string): string | null {
  try {
    databaseTarget(databaseUrl);
    // Also those of a mode that is not decided yet.
    const { parameters } = parseDatabaseUrl(databaseUrl);
    if (sslModeOf(parameters) !== 'disable') createSecureContext(filesOf(parameters));
    return null;
  } catch (error) {
    if (error instanceof UrlTrouble) return error.message;
    const why = (error as NodeJS.ErrnoException).code ?? 'unknown';
    return `the files of sslrootcert, sslcert and sslkey are not of use together (${why})`;
  }
}

/** As the URL says, else PGSSLMODE, else libpq's default. */
export function sslModeOf(parameters: DatabaseParameters): SslMode {
  const ofProcess = process.env['PGSSLMODE'];
  return parameters.sslmode ?? SSL_MODES.find((known) => known === ofProcess) ?? 'prefer';
}

/** Null: the driver's, which is PGHOST or localhost. */
function hostOf({ host, port }: DatabaseUrl): string | null {
  if (host !== '') return host;
  if (process.env['PGHOST'] !== undefined) return null;
  const name = `.s.PGSQL.${port ?? process.env['PGPORT'] ?? PORT}`;
  return SOCKET_FOLDERS.find((folder) => existsSync(`${folder}/${name}`)) ?? null;
}

/** The driver knows PGUSER and USER; a service may have neither. */
function withUser(user: string | null): { user?: string } {
  if (user !== null) return { user };
  if (process.env['PGUSER'] !== undefined || process.env['USER'] !== undefined) return {};
  try {
    return { user: userInfo().username };
  } catch {
    throw new UrlTrouble('names no user, and this process has none with a name; write user@host');
  }
}

function tlsOf(parameters: DatabaseParameters): ConnectionOptions | false {
  const mode = sslModeOf(parameters);
  if (mode === 'disable' || mode === 'allow' || mode === 'prefer') return false;
  const files = filesOf(parameters);
  // With an authority to trust, libpq takes `require` for `verify-ca`.
  const verifies = mode !== 'require' || files.ca !== undefined;
  return {
    ...files,
    ...versionsOf(parameters),
    rejectUnauthorized: verifies && parameters.get('sslmode') !== 'no-verify',
    ...(mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
  };
}

function filesOf(parameters: DatabaseParameters): ConnectionOptions {
  const root = parameters.get('sslrootcert');
  const passphrase = parameters.get('sslpassword');
  return {
    ...(root === null || root === 'system' ? {} : { ca: fileOf(root, 'sslrootcert') }),
    ...(parameters.get('sslcert') === null ? {} : certificateOf(parameters)),
    ...(passphrase === null ? {} : { passphrase }),
  };
}

function certificateOf(parameters: DatabaseParameters): { cert: string; key: string } {
  return {
    cert: fileOf(parameters.get('sslcert') ?? '', 'sslcert'),
    key: fileOf(parameters.get('sslkey') ?? '', 'sslkey'),
  };
}

/** The name of the file may be shown: it is behind a `?`, where no password is. */
function fileOf(file: string, name: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'error';
    const why = code === 'ENOENT' ? 'is not there' : `cannot be read (${code})`;
    throw new UrlTrouble(`the file of ${name} ${why}: ${quoteShort(file)}`);
  }
  if (text.includes('-----BEGIN ')) return text;
  throw new UrlTrouble(`the file of ${name} is not PEM text: ${quoteShort(file)}`);
}

function versionsOf(parameters: DatabaseParameters): ConnectionOptions {
  const least = parameters.get('ssl_min_protocol_version');
  const most = parameters.get('ssl_max_protocol_version');
  return {
    ...(least === null ? {} : { minVersion: least as SecureVersion }),
    ...(most === null ? {} : { maxVersion: most as SecureVersion }),
  };
}
