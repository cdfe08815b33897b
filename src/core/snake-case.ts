/**
 * Names of the code as JSON, SQL and the texts for people have them: `hot_cache_bytes` of `hotCacheBytes`.
 */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
