/** What a client is made with, and what it takes where something is left out. */
import type { Codec } from './codec.js';
import type { WebSocketClass } from './socket.js';

/** A key or token, or who gives one; it is asked again when the one before is over. */
export type Secret = string | (() => string | Promise<string>);

export interface ReconnectOptions {
  /** The most before the first retry, ms (250); doubled with each further one. */
  minDelayMs?: number;
  /** The most before any, ms (20,000). */
  maxDelayMs?: number;
  /** Tries in a row that fail until the client is closed (Infinity). */
  maxAttempts?: number;
}

export interface ConnectOptions {
  /** `http://` or `ws://` (https, wss) of a node, or of several: the next is tried when one fails. */
  url: string | readonly string[];
  /** For services; a page has no way to show one. */
  apiKey?: Secret;
  /** For pages, and whoever else was given one; renewed in place before it runs out. */
  token?: Secret;
  /** How frames are written: JSON by default; `msgpack` of `conduit-broker-client/msgpack`. */
  codec?: Codec;
  /** false: the client is closed when its connection breaks. */
  reconnect?: false | ReconnectOptions;
  /** A connection has so long to open, ms (10,000). */
  connectTimeoutMs?: number;
  /** The callback of a key or token has so long, ms (10,000). */
  credentialsTimeoutMs?: number;
  /** A silent connection is asked whether it lives after so long, ms (25,000), and has 10 s to answer. */
  heartbeatMs?: number;
  /** A publish is tried again for so long, ms (30,000), unless it says otherwise. */
  publishTimeoutMs?: number;
  /** Publishes that wait for their answer or a connection, at most (10,000). */
  publishQueue?: number;
  /** Bytes of them, about (16 MiB). */
  publishQueueBytes?: number;
  /** A message from the node that is larger ends the connection, bytes (16 MiB). */
  maxMessageBytes?: number;
  /** In the place of the global one, or of the package ws. */
  WebSocket?: WebSocketClass;
  fetch?: typeof fetch;
  /** Closes the client. */
  signal?: AbortSignal;
}

/** All of it, with nothing left out. */
export interface ClientSettings {
  urls: readonly string[];
  codec: Codec;
  reconnect: Required<ReconnectOptions>;
  connectTimeoutMs: number;
  credentialsTimeoutMs: number;
  heartbeatMs: number;
  publishTimeoutMs: number;
  publishQueue: number;
  publishQueueBytes: number;
  maxMessageBytes: number;
  WebSocket: WebSocketClass | undefined;
  fetch: typeof fetch;
}

const MIB = 1_048_576;

export function settingsOf(options: ConnectOptions, codec: Codec): ClientSettings {
  const { url, reconnect } = options;
  const urls = (typeof url === 'string' ? [url] : url).map(baseUrl);
  if (urls.length === 0) throw new TypeError('url names no node');
  const tries = reconnect === false ? { maxAttempts: 0 } : reconnect;
  return {
    urls,
    codec: options.codec ?? codec,
    reconnect: { minDelayMs: 250, maxDelayMs: 20_000, maxAttempts: Infinity, ...tries },
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    credentialsTimeoutMs: options.credentialsTimeoutMs ?? 10_000,
    heartbeatMs: options.heartbeatMs ?? 25_000,
    publishTimeoutMs: options.publishTimeoutMs ?? 30_000,
    publishQueue: options.publishQueue ?? 10_000,
    publishQueueBytes: options.publishQueueBytes ?? 16 * MIB,
    maxMessageBytes: options.maxMessageBytes ?? 16 * MIB,
    WebSocket: options.WebSocket,
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
  };
}

/** `http://host/path` without a slash at its end, whichever scheme it was given with. Throws TypeError. */
function baseUrl(given: string): string {
  const url = new URL(given);
  if (!/^(http|ws)s?:$/.test(url.protocol)) throw new TypeError(`not http(s) or ws(s): ${given}`);
  return `${url.protocol.replace('ws', 'http')}//${url.host}${url.pathname.replace(/(\/ws)?\/*$/, '')}`;
}
