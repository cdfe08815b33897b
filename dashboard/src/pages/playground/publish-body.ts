/** The body of a publish, of what was typed: the payload goes into it as it stands, digit by digit. */
import type { Shown } from './code-texts.js';

export interface Typed {
  topic: string;
  /** JSON text. */
  payload: string;
  key: string;
  /** `name=value`, with commas between. */
  headers: string;
}

/** What is wrong with it; null: it is JSON. */
export function parsePayload(text: string): string | null {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : 'is not JSON';
  }
}

function headersOf(text: string): Record<string, string> | null {
  const pairs = text
    .split(',')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '');
  if (pairs.some((pair) => !pair.includes('='))) return null;
  return Object.fromEntries(
    pairs.map((pair) => [
      pair.slice(0, pair.indexOf('=')).trim(),
      pair.slice(pair.indexOf('=') + 1).trim(),
    ]),
  );
}

export interface PublishBody {
  /** Null: something of it is not as it must be. */
  text: string | null;
  wrong: string | null;
  /** As it is written elsewhere. */
  shown: Shown;
}

export function publishBody({ topic, payload, key, headers }: Typed): PublishBody {
  const pairs = headersOf(headers);
  const shown = { topic, payload: payload.trim(), key, headers: pairs ?? {} };
  if (pairs === null) return { text: null, wrong: 'takes name=value, with commas between', shown };
  if (parsePayload(payload) !== null) return { text: null, wrong: null, shown };
  const members = [
    `"topic":${JSON.stringify(topic)}`,
    `"payload":${payload.trim()}`,
    ...(key === '' ? [] : [`"key":${JSON.stringify(key)}`]),
    ...(Object.keys(pairs).length === 0 ? [] : [`"headers":${JSON.stringify(pairs)}`]),
  ];
  return { text: `{${members.join(',')}}`, wrong: null, shown };
}
