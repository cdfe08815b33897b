/**
 * Who stands in front of this node, by TRUSTED_PROXIES: what a request says of where it comes from is
 * believed of them, and of nobody else.
 */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import type { Config } from '../../config/config.js';
import { AddressBlocks, addressOf, addressOfBytes } from '../../core/network-address.js';

export type ProxiesConfig = Pick<Config, 'trustedProxies' | 'tlsCertFile'>;

/** `192.0.2.1:80` and `[2001:db8::1]:80`, as some write it. */
const WITH_PORT = /^(?:\[([^\]]+)\](?::\d+)?|([^:]+):\d+)$/;

export class Proxies {
  /** Null: none is trusted. */
  readonly #trusted: AddressBlocks | null;
  readonly #speaksTls: boolean;

  constructor({ trustedProxies, tlsCertFile }: ProxiesConfig) {
    this.#trusted = trustedProxies === null ? null : new AddressBlocks(trustedProxies.split(','));
    this.#speaksTls = tlsCertFile !== null;
  }

  /** `address`: of a socket. */
  isTrusted(address: string): boolean {
    return this.#trusted?.has(address) === true;
  }

  /**
   * Whose request it is: the address of its socket, or where that is a trusted proxy's the last one in
   * X-Forwarded-For that is not. '': its socket is gone.
   */
  clientOf(res: HttpResponse, req: HttpRequest): string {
    const socket = socketAddress(res);
    if (!this.isTrusted(socket)) return socket;
    // Each proxy adds the address that it was asked from, behind what it was told.
    let client = socket;
    for (const said of forwardedBy(req).reverse()) {
      const address = addressOf(bare(said));
      // What is no address is nobody's: the proxy that passed it on is as far as can be seen.
      if (address === null) return client;
      client = address;
      if (!this.isTrusted(address)) return client;
    }
    return client;
  }

  /** The client's address where that is not the socket's; null: it is. */
  forwardedFor(res: HttpResponse, req: HttpRequest): string | null {
    if (this.#trusted === null) return null;
    const client = this.clientOf(res, req);
    return client === socketAddress(res) ? null : client;
  }

  /** Which the client sees: a trusted proxy may end TLS for this node. */
  schemeOf(res: HttpResponse, req: HttpRequest): 'http' | 'https' {
    if (this.#speaksTls) return 'https';
    const said = req.getHeader('x-forwarded-proto').toLowerCase();
    return said === 'https' && this.isTrusted(socketAddress(res)) ? 'https' : 'http';
  }
}

/** '': it is gone. */
export function socketAddress(res: HttpResponse): string {
  return addressOfBytes(new Uint8Array(res.getRemoteAddress()));
}

/** Of all headers of the name, in order: getHeader has the first alone, which the client may have sent. */
function forwardedBy(req: HttpRequest): string[] {
  const said: string[] = [];
  req.forEach((name, value) => {
    if (name === 'x-forwarded-for') said.push(...value.split(','));
  });
  return said.map((one) => one.trim());
}

function bare(said: string): string {
  const [, bracketed, plain] = WITH_PORT.exec(said) ?? [];
  return bracketed ?? plain ?? said;
}
