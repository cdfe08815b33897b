/** A publish as somebody would write it elsewhere. */

/** Within single quotes of a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

export function curlOf(origin: string, body: string): string {
  return `curl -X POST ${origin}/api/publish -H "Content-Type: application/json" -d ${quoted(body)}`;
}

export function scriptOf(origin: string, body: string): string {
  return [
    `const answer = await fetch(${JSON.stringify(`${origin}/api/publish`)}, {`,
    `  method: 'POST',`,
    `  headers: { 'content-type': 'application/json' },`,
    `  body: ${JSON.stringify(body)},`,
    `});`,
    'console.log(await answer.json());',
  ].join('\n');
}
