/**
 * Which addresses a node calls for somebody else: those of the public Internet, and what WEBHOOK_ALLOW adds.
 * All else is the inside of somebody's network, or of the node's own machine. Pure.
 */
import { AddressBlocks, addressOf } from './network-address.js';

/**
 * Not globally reachable by IANA's special-purpose registries (RFC 6890 and what came since), multicast, and
 * the forms of IPv6 that carry an IPv4 address through a gateway: what they lead to is not seen here.
 */
const INSIDE_4 = new AddressBlocks([
  // This network, private use, CGNAT, loopback, link-local (metadata of clouds: 169.254.169.254).
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16'],
  ...['172.16.0.0/12', '192.168.0.0/16'],
  // Protocol assignments, documentation, 6to4 relays, benchmarks.
  ...['192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '198.18.0.0/15'],
  ...['198.51.100.0/24', '203.0.113.0/24'],
  // Multicast, reserved, broadcast.
  ...['224.0.0.0/4', '240.0.0.0/4'],
  // Azure's platform, which answers metadata at a public address.
  '168.63.129.16/32',
]);
/** By themselves: to a list of blocks each IPv4 address lies in ::/3, too, as ::ffff:0:0/96 does. */
const INSIDE_6 = new AddressBlocks([
  // Only 2000::/3 is given out; of it Teredo, ORCHID and protocols, documentation, 6to4.
  ...['::/3', '4000::/2', '8000::/1'],
  ...['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'],
]);

export class OutsideAddresses {
  readonly #allowed: AddressBlocks | null;

  /** `allow`: WEBHOOK_ALLOW, blocks with commas between; null: none. */
  constructor(allow: string | null) {
    this.#allowed = allow === null ? null : new AddressBlocks(allow.split(','));
  }

  /** `text`: an IPv4 or IPv6 address; what is none may not be called. */
  mayCall(text: string): boolean {
    // An IPv4 address within IPv6 (::ffff:127.0.0.1) is that one.
    const address = addressOf(text);
    if (address === null) return false;
    const inside = address.includes(':') ? INSIDE_6 : INSIDE_4;
    return this.#allowed?.has(address) === true || !inside.has(address);
  }
}
