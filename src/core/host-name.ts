/**
 * Names of hosts, as HOST, a Host header and an Origin have them: which are this machine, which are
 * addresses.
 */

const IPV4 = /^\d{1,3}(\.\d{1,3}){3}$/;
const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\]|::1)$/;

/** Whether the name can mean nothing but this machine. Lower case; IPv6 with or without brackets. */
export function isLoopback(name: string): boolean {
  return LOOPBACK.test(name);
}

/** Whether it is an address: no name server can make it another. IPv6 stands in brackets. */
export function isAddress(name: string): boolean {
  return IPV4.test(name) || name.startsWith('[');
}

/** The name in `name` or `name:port`, in lower case; null: it is neither. */
export function hostNameOf(authority: string): string | null {
  return /^(\[[0-9a-f:.]+\]|[^\s:/@?#[\]]+)(:\d{1,5})?$/.exec(authority.toLowerCase())?.[1] ?? null;
}
