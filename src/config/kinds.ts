/**
 * The kinds of values a variable can take: in words, for the operator, and how the text is read.
 * Numbers are strictly decimal: no sign, exponent, unit, hexadecimal or space.
 */
import { API_KEY_CHARS_MAX } from '../core/api-key.js';
import { databaseUrlsTrouble } from '../core/database-url.js';
import { isLoopback } from '../core/host-name.js';
import { isAddressBlock } from '../core/network-address.js';
import { redisUrlTrouble } from '../core/redis-url.js';

export interface OptionKind<T> {
  /** "takes ..." */
  readonly takes: string;
  /** Undefined when the text does not fit. */
  readonly parse: (text: string) => T | undefined;
  /** Says more precisely than `takes` what is wrong, without a secret; null: nothing is. */
  readonly trouble?: (text: string) => string | null;
}

/** `unit` as people read it; '' for a plain number. */
export function integer(min: number, max: number, unit = ''): OptionKind<number> {
  const range = `an integer from ${min} to ${max}`;
  return {
    takes: unit === '' ? range : `${range} (${unit})`,
    parse: (text) => {
      const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
      return number >= min && number <= max ? number : undefined;
    },
  };
}

export const boolean: OptionKind<boolean> = {
  takes: 'true or false',
  parse: (text) => {
    if (text === 'true' || text === '1') return true;
    return text === 'false' || text === '0' ? false : undefined;
  },
};

export function oneOf<T extends string>(values: readonly T[]): OptionKind<T> {
  return {
    takes: `one of ${values.join(', ')}`,
    parse: (text) => values.find((value) => value === text),
  };
}

export function text(minBytes: number, maxBytes: number): OptionKind<string> {
  return {
    takes: `${minBytes} to ${maxBytes} bytes without control characters`,
    parse: (value) => {
      const bytes = Buffer.byteLength(value);
      const fits = bytes >= minBytes && bytes <= maxBytes && !/[\p{Cc}\p{Cs}]/u.test(value);
      return fits ? value : undefined;
    },
  };
}

/** As a header carries it. */
export const apiKey: OptionKind<string> = {
  takes: `1 to ${API_KEY_CHARS_MAX} visible ASCII characters without spaces`,
  parse: (value) =>
    value.length <= API_KEY_CHARS_MAX && /^[\x21-\x7e]+$/.test(value) ? value : undefined,
};

/** One URL, or several with white space between. */
export const databaseUrl: OptionKind<string> = {
  takes:
    'a PostgreSQL URL (postgres://user:password@host:port/database), or several separated by spaces',
  parse: (value) => value,
  trouble: databaseUrlsTrouble,
};

const REDIS = /^rediss?(\+cluster|\+sentinel)?:\/\//;

export const redisUrl: OptionKind<string> = {
  takes:
    'a Redis URL: redis://user:password@host:port, redis+cluster://host:port,host:port or ' +
    'redis+sentinel://host:port,host:port/master; rediss for TLS',
  parse: (value) => (REDIS.test(value) ? value : undefined),
  trouble: (value) => (REDIS.test(value) ? redisUrlTrouble(value) : null),
};

/** As it stands in names elsewhere. */
export const plainName: OptionKind<string> = {
  takes: '1 to 64 of letters, digits, dot, dash and underscore',
  parse: (value) => (/^[A-Za-z0-9._-]{1,64}$/.test(value) ? value : undefined),
};

/** Where public keys come from: nobody on the way may put others in their place. */
export const keysUrl: OptionKind<string> = {
  takes: 'an https:// URL, or an http:// one of this machine',
  parse: (value) => {
    const parsed = parseUrl(value);
    const isOwn = parsed?.protocol === 'http:' && isLoopback(parsed.hostname);
    return isOwn || parsed?.protocol === 'https:' ? value : undefined;
  },
  trouble: (value) => {
    const { username = '', password = '' } = parseUrl(value) ?? {};
    return username === '' && password === '' ? null : 'must have no user and no password';
  },
};

export const tenantName: OptionKind<string> = {
  takes: 'the name of a tenant: 1 to 64 of A-Z a-z 0-9 _ -',
  parse: (value) => (/^[A-Za-z0-9_-]{1,64}$/.test(value) ? value : undefined),
};

/** What a browser sends as Origin: any, or some, those of this machine among them. */
export const origins: OptionKind<string> = {
  takes:
    '*, or origins such as https://app.example.com, without a path, and loopback, separated by commas',
  parse: (value) => {
    const isListed = value.length <= 4_096 && value.split(',').every(isOrigin);
    return value === '*' || isListed ? value : undefined;
  },
};

function isOrigin(value: string): boolean {
  const parsed = parseUrl(value);
  const isHttp = parsed?.protocol === 'http:' || parsed?.protocol === 'https:';
  // No browser sends one with an asterisk: who wrote it means a pattern, which it would not be.
  return value === 'loopback' || (isHttp && parsed?.origin === value && !value.includes('*'));
}

/** What a Host header may name; in lower case, since names have no case. */
export const hostNames: OptionKind<string> = {
  takes: '*, loopback, or host names without a port, separated by commas',
  parse: (value) => {
    const names = value.toLowerCase();
    if (names === '*' || names === 'loopback') return names;
    const isName = (name: string): boolean => /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/.test(name);
    return names.length <= 4_096 && names.split(',').every(isName) ? names : undefined;
  },
};

export const address: OptionKind<string> = {
  takes: 'host:port or :port',
  parse: (value) => {
    const port = Number(/^[^\s/@\p{Cc}]{0,253}:(\d{1,5})$/u.exec(value)?.[1] ?? 0);
    return port >= 1 && port <= 65_535 ? value : undefined;
  },
};

/** Addresses of a network, some of them in blocks. */
export const addressBlocks: OptionKind<string> = {
  takes: 'addresses and blocks such as 10.0.0.0/8 or 2001:db8::/32, separated by commas',
  parse: (value) => {
    const isListed = value.length <= 4_096 && value.split(',').every(isAddressBlock);
    return isListed ? value : undefined;
  },
};

function parseUrl(value: string): URL | null {
  return !/[\p{Cc}\s]/u.test(value) && URL.canParse(value) ? new URL(value) : null;
}
