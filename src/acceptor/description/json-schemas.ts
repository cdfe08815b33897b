/**
 * JSON Schema (2020-12) of zod's schemas, as documents show it: without what a client must not rely on, and
 * with a name for each shape that stands in wire/schemas.
 */
import { z } from 'zod';
import * as audit from '../../wire/schemas/audit.js';
import * as deadLetters from '../../wire/schemas/dead-letters.js';
import * as deferred from '../../wire/schemas/deferred.js';
import * as keys from '../../wire/schemas/keys.js';
import * as logins from '../../wire/schemas/logins.js';
import * as problem from '../../wire/schemas/problem.js';
import * as publishes from '../../wire/schemas/publishes.js';
import * as sessions from '../../wire/schemas/sessions.js';
import * as subscriptions from '../../wire/schemas/subscriptions.js';
import * as system from '../../wire/schemas/system.js';
import * as tokens from '../../wire/schemas/tokens.js';
import * as topics from '../../wire/schemas/topics.js';
import type { JsonSchema } from './described.js';

const MODULES = [
  audit,
  deadLetters,
  deferred,
  keys,
  logins,
  problem,
  publishes,
  sessions,
  subscriptions,
  system,
  tokens,
  topics,
];
const UNBOUNDED = Number.MAX_SAFE_INTEGER;

/** `#/components/schemas/NAME` stands for a shape that has a name. */
export interface NamedSchemas {
  /** All that there are, by name. */
  readonly all: Readonly<Record<string, JsonSchema>>;
  /** Of an answer: a reference, or the schema itself where it has no name. */
  of(schema: z.ZodType): JsonSchema;
}

export function refTo(name: string): JsonSchema {
  return { $ref: `#/components/schemas/${name}` };
}

export function namedSchemas(): NamedSchemas {
  const named = z.registry<{ id: string }>();
  const names = new Map<z.ZodType, string>();
  for (const [name, schema] of MODULES.flatMap((one) => Object.entries(one))) {
    if (!(schema instanceof z.ZodObject || schema instanceof z.ZodUnion)) continue;
    const id = pascal(name);
    names.set(schema, id);
    named.add(schema, { id });
  }
  const { schemas } = z.toJSONSchema(named, {
    ...{ io: 'output', unrepresentable: 'any', override: simplify },
    uri: (id) => refTo(id).$ref ?? '',
  });
  const all: Record<string, JsonSchema> = {};
  for (const [name, schema] of Object.entries(schemas)) all[name] = lenient(schema as JsonSchema);
  return {
    all,
    of: (schema) => {
      const name = names.get(schema);
      return name === undefined ? lenient(jsonSchemaOf(schema, 'output')) : refTo(name);
    },
  };
}

/** As it is written in: what is not known is refused, null stands for what is left out. */
export function jsonSchemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  return bare(z.toJSONSchema(schema, { io, unrepresentable: 'any', override: simplify }));
}

/** Of a member that may be left out: null says the same, which is said once for all. */
export function withoutNull(schema: JsonSchema): JsonSchema {
  const choices = schema.anyOf?.filter(({ type }) => type !== 'null');
  const [only] = choices ?? [];
  if (choices?.length !== 1 || only === undefined) return schema;
  const { anyOf: _anyOf, ...rest } = schema;
  return { ...only, ...rest };
}

/** A client passes over members that it does not know: an answer may have more than it has today. */
function lenient(schema: JsonSchema): JsonSchema {
  return walk(bare(schema), (one) => {
    if (one.additionalProperties === false) delete one.additionalProperties;
  });
}

function bare(schema: object): JsonSchema {
  const {
    $schema: _schema,
    $id: _id,
    '~standard': _standard,
    ...rest
  } = schema as Record<string, unknown>;
  return rest as JsonSchema;
}

/** Leaves out bounds that every integer of JSON has, and patterns that a format says. */
function simplify({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (jsonSchema.maximum === UNBOUNDED) delete jsonSchema.maximum;
  if (jsonSchema.minimum === -UNBOUNDED) delete jsonSchema.minimum;
  if (jsonSchema.format === 'guid') jsonSchema.format = 'uuid';
  if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
}

function walk(schema: JsonSchema, visit: (schema: JsonSchema) => void): JsonSchema {
  visit(schema);
  const { anyOf = [], oneOf = [], allOf = [], properties = {}, items } = schema;
  const more = typeof schema.additionalProperties === 'object' ? [schema.additionalProperties] : [];
  const below = [...anyOf, ...oneOf, ...allOf, ...Object.values(properties), ...more];
  for (const one of items === undefined ? below : [...below, items]) walk(one, visit);
  return schema;
}

/** `TOPIC_PAGE` is TopicPage. */
function pascal(name: string): string {
  return name
    .toLowerCase()
    .split('_')
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('');
}
