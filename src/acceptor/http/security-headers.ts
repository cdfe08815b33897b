import { headerBytes } from './header-bytes.js';

/**
 * What every answer but that to a publish tells the browser that shows it, name then value, in turn: to take
 * it for nothing but what it says it is, to run and load nothing for it, to show it in nobody's frame, to
 * tell nobody whence it came, and to keep it nowhere: what one is answered by a cookie is not another's. The
 * page of the dashboard has a policy of its own in the place of the second.
 */
export const SECURITY_HEADERS: readonly Uint8Array[] = [
  ...securityHeaders("default-src 'none'; frame-ancestors 'none'"),
  ...['Cache-Control', 'no-store'],
].map(headerBytes);

/** `scripts`: hashes of those that stand in the page itself. */
export function pageHeaders(scripts: readonly string[]): readonly Uint8Array[] {
  const policy = [
    "default-src 'none'",
    ['script-src', "'self'", ...scripts].join(' '),
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return [...securityHeaders(policy.join('; ')), 'Cache-Control', 'no-cache'].map(headerBytes);
}

/** Of a page that has one style in itself, of this hash, and nothing else. */
export function plainPageHeaders(style: string): readonly Uint8Array[] {
  const policy =
    `default-src 'none'; style-src '${style}'; base-uri 'none'; form-action 'none'; ` +
    "frame-ancestors 'none'";
  return [...securityHeaders(policy), 'Cache-Control', 'no-store'].map(headerBytes);
}

/** Of a file whose name changes with what it holds. */
export const ASSET_HEADERS: readonly Uint8Array[] = [
  ...securityHeaders("default-src 'none'; frame-ancestors 'none'"),
  ...['Cache-Control', 'public, max-age=31536000, immutable'],
].map(headerBytes);

function securityHeaders(policy: string): string[] {
  return [
    ...['X-Content-Type-Options', 'nosniff'],
    ...['Content-Security-Policy', policy],
    ...['Referrer-Policy', 'no-referrer'],
    ...['Cross-Origin-Opener-Policy', 'same-origin'],
    ...['Permissions-Policy', 'camera=(), geolocation=(), microphone=(), payment=(), usb=()'],
  ];
}
