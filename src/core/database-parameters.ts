/**
 * The parameters behind the `?` of a PostgreSQL URL: those that have a meaning here, with libpq's meaning;
 * those that Conduit sets itself; and nothing else, since a parameter that is passed over in silence
 * is one that its author believes in.
 */

/** One line for the operator, to stand behind the variable's name. Never a value. */
export class UrlTrouble extends Error {}

export type SslMode = 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';
export const SSL_MODES: readonly SslMode[] = [
  ...(['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const),
];

type Rule = readonly string[] | 'text';

const TLS_VERSIONS = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];
/** Each with the values that it may have. */
const MEANT: Readonly<Record<string, Rule>> = {
  host: 'text',
  port: 'text',
  user: 'text',
  password: 'text',
  dbname: 'text',
  sslmode: [...SSL_MODES, 'no-verify'],
  ssl: ['true', 'false', '1', '0', 'no-verify'],
  sslrootcert: 'text',
  sslcert: 'text',
  sslkey: 'text',
  sslpassword: 'text',
  sslsni: ['1'],
  sslnegotiation: ['postgres', 'direct'],
  ssl_min_protocol_version: TLS_VERSIONS,
  ssl_max_protocol_version: TLS_VERSIONS,
  channel_binding: ['disable', 'prefer', 'require'],
  options: 'text',
  target_session_attrs: ['any', 'read-write', 'primary'],
  client_encoding: ['utf8', 'UTF8', 'auto'],
  gssencmode: ['disable', 'prefer'],
  load_balance_hosts: ['disable'],
  // How pg is told to keep libpq's meanings, which holds here always.
  uselibpqcompat: ['true', 'false'],
};
/** Taken, and of no effect: every session of Conduit has its own. */
const SET_BY_US: readonly string[] = [
  ...[
    'connect_timeout',
    'application_name',
    'fallback_application_name',
    'tcp_user_timeout',
    'keepalives',
  ],
  ...['keepalives_idle', 'keepalives_interval', 'keepalives_count'],
];

export class DatabaseParameters {
  readonly #values = new Map<string, string>();

  /** `query`: what stands behind the `?`, without it. Throws UrlTrouble. */
  constructor(query: string) {
    for (const pair of query === '' ? [] : query.split('&')) this.#add(pair);
  }

  /** A `%` code in UTF-8. Throws UrlTrouble that names `what`. */
  static decode(text: string, what: string): string {
    try {
      const decoded = decodeURIComponent(text);
      if (!decoded.includes('\0')) return decoded;
    } catch {
      return badCode(what);
    }
    return badCode(what);
  }

  get(name: string): string | null {
    return this.#values.get(name) ?? null;
  }

  /** The same, and forgets it. */
  take(name: string): string | null {
    const value = this.get(name);
    this.#values.delete(name);
    return value;
  }

  /** Null: the URL does not say. */
  get sslmode(): SslMode | null {
    const ssl = this.get('ssl');
    if (ssl !== null) return ssl === 'false' || ssl === '0' ? 'disable' : 'require';
    const mode = this.get('sslmode');
    if (mode === 'no-verify') return 'require';
    return SSL_MODES.find((known) => known === mode) ?? null;
  }

  /** What is given and has no effect. */
  withoutEffect(): string[] {
    return SET_BY_US.filter((name) => this.#values.has(name));
  }

  /** Itself, once the parameters agree with one another. Throws UrlTrouble. */
  checked(): this {
    const has = (name: string): boolean => this.#values.has(name);
    if (has('ssl') && has('sslmode')) throw new UrlTrouble('has ssl and sslmode; keep sslmode');
    for (const [one, other] of [
      ['sslcert', 'sslkey'],
      ['sslkey', 'sslcert'],
    ] as const) {
      if (has(one) && !has(other)) throw new UrlTrouble(`has ${one} without ${other}; give both`);
    }
    const mode = this.sslmode;
    if (mode === 'verify-ca' && !has('sslrootcert')) {
      throw new UrlTrouble(
        'sslmode=verify-ca needs sslrootcert, the file of the authority to trust',
      );
    }
    if (this.get('sslrootcert') === 'system' && mode !== 'verify-full') {
      throw new UrlTrouble('sslrootcert=system takes sslmode=verify-full');
    }
    const isOpen = mode === null || ['disable', 'allow', 'prefer'].includes(mode);
    if (this.get('sslnegotiation') === 'direct' && isOpen) {
      throw new UrlTrouble('sslnegotiation=direct takes sslmode=require or stricter');
    }
    return this;
  }

  #add(pair: string): void {
    const at = pair.indexOf('=');
    const name = at < 0 ? pair : pair.slice(0, at);
    const rule = ruleOf(name);
    const shown = /^[a-zA-Z_]{1,32}$/.test(name) ? `the parameter ${name}` : 'a parameter';
    if (rule === undefined)
      throw new UrlTrouble(`has ${shown} that Conduit does not take; remove it`);
    if (at < 0 || pair.indexOf('=', at + 1) >= 0) {
      throw new UrlTrouble(`has ${shown} without one value; write ${name}=value`);
    }
    if (this.#values.has(name)) throw new UrlTrouble(`has ${shown} twice`);
    const value = DatabaseParameters.decode(pair.slice(at + 1), name);
    const takes = trouble(rule, value);
    if (takes !== null) throw new UrlTrouble(`has a wrong ${name}, which takes ${takes}`);
    this.#values.set(name, value);
  }
}

function badCode(what: string): never {
  throw new UrlTrouble(`has a % code in ${what} that is no text in UTF-8`);
}

function ruleOf(name: string): Rule | undefined {
  if (SET_BY_US.includes(name)) return 'text';
  return Object.hasOwn(MEANT, name) ? MEANT[name] : undefined;
}

function trouble(rule: Rule, value: string): string | null {
  if (rule === 'text') return value === '' ? 'a value' : null;
  return rule.includes(value) ? null : rule.join(', ');
}
