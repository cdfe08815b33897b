/** A publish as somebody would write it elsewhere. */

/** What is published; `payload`: JSON text. */
export interface Shown {
  topic: string;
  payload: string;
  key: string;
  headers: Readonly<Record<string, string>>;
}

/** Within single quotes of a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

export function curlOf(origin: string, body: string): string {
  return `curl -X POST ${origin}/api/publish -H "Content-Type: application/json" -d ${quoted(body)}`;
}

export function commandOf(origin: string, { topic, payload, key, headers }: Shown): string {
  const parts = [
    `conduit pub ${quoted(topic)} ${quoted(payload)}`,
    ...(key === '' ? [] : [`--key ${quoted(key)}`]),
    ...Object.entries(headers).map(([name, value]) => `--header ${quoted(`${name}=${value}`)}`),
    `--url ${origin}`,
  ];
  return parts.join(' ');
}

/** With the client, from its package. */
export function clientOf(origin: string, { topic, payload, key, headers }: Shown): string {
  const options = {
    ...(key === '' ? {} : { key }),
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
  };
  const more = Object.keys(options).length === 0 ? '' : `, ${JSON.stringify(options)}`;
  return [
    `import { connect } from 'conduit-broker-client';`,
    '',
    `const client = connect(${JSON.stringify(origin)});`,
    `const published = await client.publish(${JSON.stringify(topic)}, ${payload}${more});`,
    'console.log(published.sequence);',
    'await client.close();',
  ].join('\n');
}
