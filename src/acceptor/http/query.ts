/** Query parameters and path names, checked. Throws RequestError that names the parameter. */
import { RequestError } from '../../core/errors.js';
import type { Limits } from '../../core/limits.js';
import { quoteShort } from '../../core/quote.js';
import { checkTopicName } from '../../core/topic-name.js';

export class Query {
  readonly #params: URLSearchParams;

  /** `names`: what the route knows; another parameter is an error, since it was meant to do something. */
  constructor(text: string, names: readonly string[]) {
    this.#params = new URLSearchParams(text);
    for (const name of this.#params.keys()) {
      if (!names.includes(name)) {
        const known = names.length === 0 ? 'none' : names.join(', ');
        throw new RequestError(
          'invalid_query',
          `unknown parameter; known: ${known}`,
          shortName(name),
        );
      }
      if (this.#params.getAll(name).length > 1) {
        throw new RequestError('invalid_query', 'given more than once', name);
      }
    }
  }

  text(name: string): string | null {
    return this.#params.get(name);
  }

  /** An integer from `min` to `max`; null when it is not given. */
  integer(name: string, min: number, max: number): number | null {
    const text = this.#params.get(name);
    if (text === null) return null;
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    const detail = `got ${quoteShort(text)}, takes an integer from ${min} to ${max}`;
    throw new RequestError('invalid_query', detail, name);
  }

  oneOf<T extends string>(name: string, values: readonly T[], fallback: T): T {
    const text = this.#params.get(name);
    if (text === null) return fallback;
    const found = values.find((value) => value === text);
    if (found !== undefined) return found;
    throw new RequestError(
      'invalid_query',
      `got ${quoteShort(text)}, takes ${values.join(' or ')}`,
      name,
    );
  }
}

/** The topic name of a path segment. */
export function topicOf(segment: string, limits: Limits): string {
  let name: string;
  try {
    name = decodeURIComponent(segment);
  } catch (cause) {
    throw new RequestError(
      'topic_chars',
      'the name in the path is not percent-encoded UTF-8',
      'topic',
      {
        cause,
      },
    );
  }
  checkTopicName(name, limits);
  return name;
}

function shortName(name: string): string {
  return name.length > 60 ? `${name.slice(0, 60)}...` : name;
}
