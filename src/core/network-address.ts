/**
 * Addresses of clients: the bytes that a socket has, the text that a header says, and the blocks (CIDR) that
 * they lie in. One address has one text here, whichever way it came, so that texts can be compared.
 */
import { BlockList, isIP, SocketAddress } from 'node:net';

/** How an IPv4 address stands in IPv6: ten bytes of zeros, two of ones, and the address. */
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/;
const GROUPS = 8;
/** What one customer of a provider has of IPv6: 64 bits. */
const NETWORK_GROUPS = 4;

/** Of an IPv4 or IPv6 address without a zone; null: it is none. An IPv4 address within IPv6 is that one. */
export function addressOf(text: string): string | null {
  if (isIP(text) === 0 || text.includes('%')) return null;
  if (isIP(text) === 4) return text;
  const { address } = new SocketAddress({ address: text, family: 'ipv6' });
  return MAPPED.exec(address)?.[1] ?? address;
}

/** Of 4 or 16 bytes; '' where there are none, as of a socket that is gone. */
export function addressOfBytes(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: bytes.length / 2 }, (_, n) =>
    (((bytes[2 * n] ?? 0) << 8) | (bytes[2 * n + 1] ?? 0)).toString(16),
  );
  return addressOf(groups.join(':')) ?? '';
}

/** What counts as one client: an IPv4 address, or the 64 bits in front of an IPv6 address. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array<string>(Math.max(0, GROUPS - front.length - back.length)).fill('0');
  return [...front, ...zeros, ...back].slice(0, NETWORK_GROUPS).join(':');
}

/** An address, or the first address of a block and how many bits all of it have in common. */
const BLOCK = /^([^/]+)(?:\/(\d{1,3}))?$/;

interface Block {
  address: string;
  family: 'ipv4' | 'ipv6';
  bits: number;
}

/** Null: it is neither an address nor a block. */
function blockOf(text: string): Block | null {
  const [, address = '', bits] = BLOCK.exec(text) ?? [];
  if (addressOf(address) === null) return null;
  const [family, most] = isIP(address) === 4 ? (['ipv4', 32] as const) : (['ipv6', 128] as const);
  const common = bits === undefined ? most : Number(bits);
  return common <= most ? { address, family, bits: common } : null;
}

/** Whether it is an address or a block, such as 10.0.0.0/8 or 2001:db8::/32. */
export function isAddressBlock(text: string): boolean {
  return blockOf(text) !== null;
}

export class AddressBlocks {
  readonly #list = new BlockList();

  /** Each of which `isAddressBlock`. */
  constructor(blocks: readonly string[]) {
    for (const text of blocks) {
      const block = blockOf(text);
      if (block !== null) this.#list.addSubnet(block.address, block.bits, block.family);
    }
  }

  /** `address`: as `addressOf` has it. */
  has(address: string): boolean {
    const family = isIP(address);
    return family !== 0 && this.#list.check(address, family === 4 ? 'ipv4' : 'ipv6');
  }
}
