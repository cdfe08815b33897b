/** Pieces of the page of the API: text that is safe in HTML, and tables of members. */
import type { JsonSchema } from './described.js';
import { withoutNull } from './json-schemas.js';

/** Longer ones are shown as a list of their own. */
const CHOICES_MAX = 8;
/** Shapes within shapes beyond that are told by their type. */
const DEPTH_MAX = 4;

export type Shapes = Readonly<Record<string, JsonSchema>>;

export function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** Markdown of one line: code in backticks, nothing else. */
export function inline(text: string): string {
  return escaped(text).replace(/`([^`]+)`/g, '<code>$1</code>');
}

/** Paragraphs. */
export function prose(text: string, style = ''): string {
  const attribute = style === '' ? '' : ` class="${style}"`;
  return text
    .split('\n\n')
    .map((part) => `<p${attribute}>${inline(part)}</p>`)
    .join('');
}

export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], tag: 'th' | 'td'): string =>
    `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join('')}</tr>`;
  const body = rows.map((cells) => line(cells, 'td')).join('');
  return `<div class="scroll"><table><thead>${line(heads, 'th')}</thead><tbody>${body}</tbody></table></div>`;
}

/** The members of a shape, those within them behind a dot; '' for one without members. */
export function membersTable(schema: JsonSchema, shapes: Shapes): string {
  const rows = memberRows(schema, { shapes, within: '', depth: 0 });
  return rows.length === 0 ? '' : table(['member', 'type', ''], rows);
}

interface Place {
  shapes: Shapes;
  within: string;
  depth: number;
}

function memberRows(schema: JsonSchema, place: Place): string[][] {
  const { shapes, within, depth } = place;
  if (depth > DEPTH_MAX) return [];
  const shape = resolved(schema, shapes);
  const choices = shape.anyOf ?? shape.oneOf;
  if (shape.properties === undefined && choices !== undefined) {
    return choices.flatMap((choice, at) => {
      const rows = memberRows(choice, place);
      return at === 0 || rows.length === 0 ? rows : [['<em>or</em>', '', ''], ...rows];
    });
  }
  const { properties = {}, required = [] } = shape;
  return Object.entries(properties).flatMap(([name, member]) => {
    const one = withoutNull(member);
    const { description = '' } = one.description === undefined ? resolved(one, shapes) : one;
    const type = typeText(one, shapes);
    const isOptional = !required.includes(name);
    const below = one.items ?? one;
    const next = `${within}${name}${one.items === undefined ? '' : '[]'}.`;
    return [
      [
        `<code>${escaped(`${within}${name}`)}</code>`,
        `${type}${isOptional ? '<span class="soft">, optional</span>' : ''}`,
        inline(description),
      ],
      ...memberRows(below, { shapes, within: next, depth: depth + 1 }),
    ];
  });
}

export function typeText(schema: JsonSchema, shapes: Shapes): string {
  const shape = resolved(schema, shapes);
  const choices = shape.anyOf ?? shape.oneOf;
  if (shape.const !== undefined) return `<code>${escaped(JSON.stringify(shape.const))}</code>`;
  if (shape.enum !== undefined) {
    if (shape.enum.length > CHOICES_MAX) return 'one of a list';
    return shape.enum.map((one) => `<code>${escaped(String(one))}</code>`).join(' or ');
  }
  if (shape.type === 'array') return `list of ${typeText(shape.items ?? {}, shapes)}`;
  if (shape.type === undefined && choices !== undefined) {
    const texts = choices.filter(isNamed).map((choice) => typeText(choice, shapes));
    return [...new Set(texts)].join(' or ');
  }
  if (shape.type !== 'integer') return escaped([shape.type ?? 'any value'].flat().join(' or '));
  const { minimum, maximum } = shape;
  if (maximum !== undefined) return `integer, ${minimum ?? 0} to ${maximum}`;
  return minimum === undefined || minimum === 0 ? 'integer' : `integer from ${minimum}`;
}

/** A bigint, which JSON Schema has no word for, is a number of msgpack. */
function isNamed(schema: JsonSchema): boolean {
  return Object.keys(schema).some((key) => key !== 'description');
}

function resolved(schema: JsonSchema, shapes: Shapes): JsonSchema {
  const name = schema.$ref?.split('/').at(-1);
  return name === undefined ? schema : (shapes[name] ?? {});
}
