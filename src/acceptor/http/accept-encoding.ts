/** Which coding of a file a client gets, by its Accept-Encoding (RFC 9110, section 12.5.3). */

/** A weight has three digits at most. */
const ITEM = /^([\w!#$%&'*+.^`|~-]+)(?:\s*;\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?$/;
/** As some still call it. */
const OLD_NAMES: Readonly<Record<string, string>> = { 'x-gzip': 'gzip' };

/**
 * The one of `offered` (the best first) that the client weighs highest; null: the file as it is. So also
 * where it refuses all of them: to serve it is better than 406, and allowed. What cannot be read is passed
 * over.
 */
export function codingFor(acceptEncoding: string, offered: readonly string[]): string | null {
  const weights = weightsOf(acceptEncoding);
  const rest = weights.get('*') ?? 0;
  // Not named it may be sent, but nobody asked for it.
  let weight = weights.get('identity') ?? 0;
  let chosen: string | null = null;
  for (const name of offered) {
    const own = weights.get(name) ?? rest;
    const isBetter = own > weight || (chosen === null && own === weight);
    if (own === 0 || !isBetter) continue;
    chosen = name;
    weight = own;
  }
  return chosen;
}

function weightsOf(acceptEncoding: string): Map<string, number> {
  const weights = new Map<string, number>();
  for (const item of acceptEncoding.split(',')) {
    const [, name, weight] = ITEM.exec(item.trim().toLowerCase()) ?? [];
    if (name !== undefined) weights.set(OLD_NAMES[name] ?? name, Number(weight ?? 1));
  }
  return weights;
}
