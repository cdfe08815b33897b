import { headerBytes } from './header-bytes.js';

/**
 * What every answer but that to a publish tells the browser that shows it, name then value, in turn: to take
 * it for nothing but what it says it is, to run and load nothing for it, to show it in nobody's frame, to
 * tell nobody whence it came, and to keep it nowhere: what one is answered by a cookie is not another's. What
 * is a page needs a policy of its own in the place of the second.
 */
export const SECURITY_HEADERS: readonly Uint8Array[] = [
  ...['X-Content-Type-Options', 'nosniff'],
  ...['Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'"],
  ...['Referrer-Policy', 'no-referrer'],
  ...['Cross-Origin-Opener-Policy', 'same-origin'],
  ...['Cache-Control', 'no-store'],
  ...['Permissions-Policy', 'camera=(), geolocation=(), microphone=(), payment=(), usb=()'],
].map(headerBytes);
