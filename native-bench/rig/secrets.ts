/** What a process was given, or made, that it must never write: looked for in all that nodes of tests say. */

/** As src/core/api-key.ts makes them. */
const API_KEY = /cdt_[0-9a-z]{16}_[0-9a-z]{39}/;
const SECRET_VARIABLES = ['DEFAULT_API_KEY', 'ADMIN_API_KEY', 'INTERNAL_SECRET'];
const URL_VARIABLES = ['DATABASE_URL', 'REDIS_URL'];
/** A shorter one may stand anywhere by chance. */
const SECRET_CHARS_MIN = 8;

/** Names of what of it stands in `text`. */
export function secretsIn(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): string[] {
  const given = [
    ...SECRET_VARIABLES.map((name) => [name, env[name] ?? ''] as const),
    ...URL_VARIABLES.flatMap((name) => passwordsOf(env[name]).map((one) => [name, one] as const)),
  ];
  const found = given.filter(
    ([, value]) => value.length >= SECRET_CHARS_MIN && text.includes(value),
  );
  return [...found.map(([name]) => name), ...(API_KEY.test(text) ? ['an API key'] : [])];
}

/** As it is written, and as it is meant. */
function passwordsOf(url: string | undefined): string[] {
  const [, written] = /^[a-z]+:\/\/[^:/@]*:([^@]*)@/.exec(url ?? '') ?? [];
  if (written === undefined) return [];
  try {
    return [written, decodeURIComponent(written)];
  } catch {
    return [written];
  }
}
