/** Opens WebSockets: the platform's own, the package ws where there is none, or a given class. */
import { ConduitError } from './conduit-error.js';

/** Any class of the WebSocket interface. */
export type WebSocketClass = new (url: string, ...rest: never[]) => object;

/** What of the interface is used. */
export interface Socket {
  binaryType: string;
  readonly bufferedAmount: number;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onerror: (() => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  send(data: string | Uint8Array): void;
  close(code: number, reason: string): void;
}

type SocketConstructor = new (url: string, protocols: unknown, options?: object) => Socket;

export interface SocketOptions {
  url: string;
  protocols: string[];
  /** None: the platform need not be able to send any. */
  headers: Readonly<Record<string, string>>;
  maxMessageBytes: number;
  WebSocket: WebSocketClass | undefined;
}

const { process } = globalThis as { process?: { versions?: { node?: string } } };
const IS_NODE = process?.versions?.node !== undefined;

/** Throws ConduitError key_in_browser, no_websocket. */
export async function openSocket(options: SocketOptions): Promise<Socket> {
  const { url, protocols, headers, maxMessageBytes } = options;
  const own = (globalThis as { WebSocket?: WebSocketClass }).WebSocket;
  const isOwn = options.WebSocket === undefined && own !== undefined;
  const isBare = Object.keys(headers).length === 0;
  if (isOwn && !IS_NODE && !isBare) {
    throw new ConduitError('key_in_browser', 'a page cannot show an API key: give it a token');
  }
  const Class = (options.WebSocket ?? own ?? (await packageWs())) as unknown as SocketConstructor;
  // Node's own takes what it needs in the place of the protocols, ws behind them.
  const more = { headers, maxPayload: maxMessageBytes, perMessageDeflate: false };
  if (isOwn) return new Class(url, isBare ? protocols : { protocols, headers });
  return IS_NODE ? new Class(url, protocols, more) : new Class(url, protocols);
}

/** By a name that bundlers neither follow nor make out. */
async function packageWs(): Promise<WebSocketClass> {
  const name = ['w', 's'].join('');
  try {
    const module = (await import(/* @vite-ignore */ /* webpackIgnore: true */ name)) as {
      default: WebSocketClass;
    };
    return module.default;
  } catch (cause) {
    const text = 'no WebSocket here: npm install ws, or use Node 22';
    throw new ConduitError('no_websocket', text, { cause });
  }
}
