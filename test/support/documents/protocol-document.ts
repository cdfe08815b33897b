/**
 * The parts of docs/protocol.md that are made: tables of members from the schemas, examples from the golden
 * frames, the routes, limits with their defaults. Each stands between `<!-- made: what -->` and
 * `<!-- end -->`, and is written again by `node dist/test/protocol-document.test.js --write`.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { PACKAGE_FOLDER } from '../../../native-bench/rig/node.js';
import { DEFAULT_LIMITS, LIMITS, type LimitName, variableOf } from '../../../src/core/limits.js';
import { clientFrames } from '../../../src/wire/schemas/frames.js';
import { SERVER_FRAMES } from '../../../src/wire/schemas/server-frames.js';
import { ROUTES } from './described-routes.js';

export const PROTOCOL_FILE = path.join(PACKAGE_FOLDER, 'docs/protocol.md');

const HEX_COLUMNS = 96;
/** Longer ones are a list of their own: error codes. */
const CHOICES_MAX = 6;
const MADE = /(<!-- made: ([^\n]*) -->\n)[\s\S]*?(<!-- end -->)/g;

/** What of JSON Schema is looked at. */
interface Described {
  anyOf?: Described[];
  oneOf?: Described[];
  const?: unknown;
  enum?: unknown[];
  type?: string;
  minimum?: number;
  maximum?: number;
  description?: string;
  properties?: Record<string, Described>;
  required?: string[];
}

type Makers = Readonly<Record<string, (words: readonly string[]) => string>>;

const MAKERS: Makers = {
  members: ([side = '', type = '', form = '1']) => members(formsOf(side, type)[Number(form) - 1]),
  example: ([file = '', ...name]) => example(vector(file, name.join(' ')), ['json', 'msgpack']),
  published: (name) =>
    example(vector('published', name.join(' ')), ['frame_json', 'frame_msgpack']),
  answer: (name) => example(vector('published', name.join(' ')), ['body_json', 'body_msgpack']),
  routes: () => routes(),
  limits: (names) => limits(names),
};

/** The document with what is made in it made again. */
export function renderProtocol(text: string): string {
  return text.replace(MADE, (_all, start: string, what: string, end: string) => {
    const [maker = '', ...words] = what.split(' ');
    const make = MAKERS[maker];
    if (make === undefined) throw new Error(`nothing is made of ${what}`);
    return `${start}${make(words)}\n${end}`;
  });
}

/** Forms of frames by their type, as JSON Schema. */
export function framesOf(side: string): Map<string, Described[]> {
  const schema =
    side === 'client'
      ? z.toJSONSchema(clientFrames(DEFAULT_LIMITS), { io: 'input', unrepresentable: 'any' })
      : z.toJSONSchema(z.union(Object.values(SERVER_FRAMES)), { unrepresentable: 'any' });
  const frames = new Map<string, Described[]>();
  for (const form of flat(schema as Described)) {
    const type = String(form.properties?.['type']?.const);
    frames.set(type, [...(frames.get(type) ?? []), form]);
  }
  return frames;
}

function flat(schema: Described): Described[] {
  const choices = schema.anyOf ?? schema.oneOf;
  return choices === undefined ? [schema] : choices.flatMap(flat);
}

function formsOf(side: string, type: string): Described[] {
  return framesOf(side).get(type) ?? [];
}

function members(form: Described | undefined): string {
  if (form === undefined) throw new Error('there is no such frame');
  const rows = rowsOf(form, '').filter((row) => !row.startsWith('| `type`'));
  return ['| member | type | |', '|---|---|---|', ...rows].join('\n');
}

function rowsOf({ properties = {}, required = [] }: Described, within: string): string[] {
  return Object.entries(properties).flatMap(([name, member]) => {
    const schema = withoutNull(member);
    const type = required.includes(name) ? typeText(schema) : `${typeText(schema)}, optional`;
    const text = (member.description ?? schema.description ?? '').replaceAll('|', '\\|');
    return [`| \`${within}${name}\` | ${type} | ${text} |`, ...rowsOf(schema, `${name}.`)];
  });
}

/** An optional member takes null, too: that is said once for all. */
function withoutNull(schema: Described): Described {
  const choices = schema.anyOf?.filter(({ type }) => type !== 'null');
  const [only] = choices ?? [];
  return choices?.length === 1 && only !== undefined ? only : schema;
}

function typeText(schema: Described): string {
  if (schema.anyOf !== undefined) {
    const texts = schema.anyOf.filter(isNamed).map(typeText);
    return [...new Set(texts)].join(' or ');
  }
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum !== undefined && schema.enum.length <= CHOICES_MAX) {
    return schema.enum.map((one) => `\`${String(one)}\``).join(' or ');
  }
  return schema.type === 'integer' ? integerText(schema) : (schema.type ?? 'any value');
}

/** A bigint, which JSON Schema has no word for, is a number of msgpack. */
function isNamed({ type, const: value, anyOf }: Described): boolean {
  return type !== undefined || value !== undefined || anyOf !== undefined;
}

function integerText({ minimum = 0, maximum = Number.MAX_SAFE_INTEGER }: Described): string {
  if (maximum < Number.MAX_SAFE_INTEGER) return `integer, ${minimum} to ${maximum}`;
  return minimum > 0 ? `integer from ${minimum}` : 'integer';
}

type Vector = Readonly<Record<string, unknown>>;

function vector(file: string, name: string): Vector {
  const place = path.join(PACKAGE_FOLDER, `test/vectors/${file}.json`);
  const all = JSON.parse(readFileSync(place, 'utf8')) as Vector[];
  const found = all.find((one) => one['name'] === name);
  if (found === undefined) throw new Error(`${file} has no "${name}"`);
  return found;
}

function example(vector: Vector, [json, msgpack]: readonly [string, string]): string {
  const hex = String(vector[msgpack]).match(new RegExp(`.{1,${HEX_COLUMNS}}`, 'g')) ?? [];
  return ['```json', String(vector[json]), '```', '', '```text', ...hex, '```'].join('\n');
}

function routes(): string {
  const rows = ROUTES.map(({ method, path: place, scope, text, answer }) => {
    const statuses = Object.keys(answer).join(', ');
    return `| \`${method} ${place}\` | ${text} | ${statuses} | ${scope} |`;
  });
  const head = ['| request | what it does | answer | scope |', '|---|---|---|---|'];
  return [...head, ...rows].join('\n');
}

function limits(variables: readonly string[]): string {
  const names = Object.keys(LIMITS) as LimitName[];
  const rows = variables.map((variable) => {
    const name = names.find((one) => variableOf(one) === variable);
    if (name === undefined) throw new Error(`there is no limit ${variable}`);
    return `| \`${variable}\` | ${LIMITS[name].default} | ${LIMITS[name].text} |`;
  });
  return ['| variable | default | |', '|---|---|---|', ...rows].join('\n');
}
