/**
 * The last look at a line before it is written: whatever secret of the configuration, API key, login or token
 * found its way into a text (what a driver or a server said, a stack) is not shown.
 */
const REDACTED = '[redacted]';
/** As core/api-key.ts makes keys, core/token.ts tokens, and issuers JWTs. */
const SHAPES = /cd[tl]_[0-9a-z]{16}_[0-9a-z]{39}|cdtt_[\w-]+\.[\w-]+|ey[\w-]{8,}\.[\w-]+\.[\w-]+/g;
/** A shorter one may stand anywhere by chance. */
const SECRET_CHARS_MIN = 8;

/** `secrets`: as they are configured; of a URL its password is one. */
export function redactor(secrets: readonly (string | null)[]): (line: string) => string {
  const texts = secrets.flatMap((secret) => (secret === null ? [] : formsOf(secret)));
  return (line) => {
    let shown = line;
    for (const text of texts) if (shown.includes(text)) shown = shown.replaceAll(text, REDACTED);
    return shown.replace(SHAPES, REDACTED);
  };
}

/** As it is written, as it is meant, and as JSON has either. */
function formsOf(secret: string): string[] {
  const [, password] = /^[a-z][a-z+.-]*:\/\/[^:/@]*:([^@]*)@/.exec(secret) ?? [];
  const written = password ?? secret;
  const forms = [written, decoded(written)].flatMap((text) => [
    text,
    JSON.stringify(text).slice(1, -1),
  ]);
  return [...new Set(forms)].filter(({ length }) => length >= SECRET_CHARS_MIN);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Not percent-encoded: it is what it is.
    return text;
  }
}
