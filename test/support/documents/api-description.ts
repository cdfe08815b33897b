/** Answers and frames, held to what the documents of a node say of them by ajv. */
import { createRequire } from 'node:module';
import type { ValidateFunction } from 'ajv';
import type { AsyncApi, OpenApi, Operation } from '../../../src/acceptor/description/described.js';
import type { SeenAnswer } from './described-routes.js';

const load = createRequire(import.meta.url);
const Ajv = load('ajv/dist/2020.js') as typeof import('ajv/dist/2020.js').default;
const addFormats = load('ajv-formats') as typeof import('ajv-formats').default;

interface Found {
  operation: Operation;
  /** Place in the document. */
  pointer: string;
}

export class ApiDescription {
  /** `METHOD /path` and status of all that were held to it. */
  readonly seen = new Set<string>();
  readonly openApi: OpenApi;
  readonly #ajv = new Ajv({ strict: false, allErrors: true });
  readonly #messages: string[];

  constructor(openApi: OpenApi, asyncApi: AsyncApi) {
    this.openApi = openApi;
    this.#messages = Object.keys(asyncApi.components.messages);
    addFormats(this.#ajv);
    this.#ajv.addSchema({ $id: 'openapi', ...openApi } as object);
    this.#ajv.addSchema({ $id: 'asyncapi', ...asyncApi } as object);
  }

  /** What of it the document does not say; null: nothing. */
  misfit(method: string, target: string, { status, type, text }: SeenAnswer): string | null {
    const [path = ''] = target.split('?');
    const found = this.#find(method, path);
    if (found === null) return `${method} ${path} is not described`;
    const { operation, pointer } = found;
    const what = `${operation.operationId} ${status}`;
    this.seen.add(what);
    const answer = operation.responses[String(status)];
    if (answer === undefined) return `${what} is not described: ${text}`;
    const [name = ''] = type.split(';');
    if (name === '') return answer.content === undefined ? null : `${what} has no body`;
    if (answer.content?.[name] === undefined) return `${what}: ${name} is not described`;
    const place = `openapi${pointer}/responses/${status}/content/${escaped(name)}/schema`;
    const lines = name.endsWith('ndjson') ? text.split('\n').filter(Boolean) : [text];
    if (!/json/.test(name)) return null;
    return this.#all(place, lines, what);
  }

  /** The same of a frame. */
  misfitOfFrame(frame: { type: string }): string | null {
    if (!this.#messages.includes(frame.type)) return `${frame.type} is not described`;
    const place = `asyncapi#/components/messages/${frame.type}/payload`;
    return this.#all(place, [JSON.stringify(frame)], `frame ${frame.type}`);
  }

  #all(place: string, texts: readonly string[], what: string): string | null {
    const check = this.#ajv.getSchema(place) as ValidateFunction | undefined;
    if (check === undefined) return `${what}: there is no ${place}`;
    for (const text of texts) {
      if (!check(JSON.parse(text))) return `${what}: ${JSON.stringify(check.errors)} in ${text}`;
    }
    return null;
  }

  /** Of two paths that fit the one without parameters. */
  #find(method: string, path: string): Found | null {
    const fits = Object.entries(this.openApi.paths).filter(([pattern]) =>
      new RegExp(`^${pattern.replace(/[.]/g, '\\.').replace(/\{\w+\}/g, '[^/]+')}$`).test(path),
    );
    const [pattern, item] = fits.find(([one]) => one === path) ?? fits[0] ?? [];
    const verb = method.toLowerCase() as 'get';
    const operation = item?.[verb];
    if (pattern === undefined || operation === undefined) return null;
    return { operation, pointer: `#/paths/${escaped(pattern)}/${verb}` };
  }
}

/** Of a JSON pointer in a URI. */
function escaped(name: string): string {
  return encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'));
}
