/**
 * The page of the API: made of its two documents, for reading. It is HTML and one style, with no script, and
 * loads nothing from anywhere.
 */
import { ERROR_ADVICE } from '../../core/error-advice.js';
import { ERRORS, type ErrorCode } from '../../core/errors.js';
import type { AsyncApi, FrameMessage, OpenApi, Operation, Parameter } from './described.js';
import {
  escaped,
  inline,
  membersTable,
  prose,
  type Shapes,
  table,
  typeText,
} from './page-parts.js';
import { PAGE_STYLE } from './page-style.js';

const PROBLEM = 'application/problem+json';

export interface PageParts {
  openApi: OpenApi;
  asyncApi: AsyncApi;
}

interface Placed {
  method: string;
  path: string;
  operation: Operation;
}

export function pageOf({ openApi, asyncApi }: PageParts): string {
  const { info, tags, components } = openApi;
  const placed = Object.entries(openApi.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]): Placed => ({ method, path, operation })),
  );
  const frames = framesOf(asyncApi);
  const sections = tags.map(({ name, description }) => {
    const own = placed.filter(({ operation }) => operation.tags.includes(name));
    const articles = own.map((one) => operationArticle(one, components.schemas)).join('');
    return `<section id="${anchor(name)}"><h2>${escaped(name)}</h2>${prose(description, 'lead')}${articles}</section>`;
  });
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Conduit API</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>${PAGE_STYLE}</style></head>
<body>${navigation(openApi, { placed, frames })}<main><h1>Conduit API</h1>${prose(info.description, 'lead')}
<p class="soft">Version ${escaped(info.version)}. As documents: <a href="/api/openapi.json">OpenAPI</a>,
<a href="/api/asyncapi.json">AsyncAPI</a>.</p>
${sections.join('\n')}
<section id="frames"><h2>Frames</h2>${prose(asyncApi.info.description, 'lead')}
${frames.map(({ message, side }) => frameArticle(message, side)).join('')}</section>
${errorSection()}
</main></body></html>`;
}

interface Framed {
  message: FrameMessage;
  side: 'client' | 'server';
}

function framesOf({ components, operations }: AsyncApi): Framed[] {
  return Object.values(components.messages).map((message) => ({
    message,
    side: message.name in operations ? 'client' : 'server',
  }));
}

function navigation(
  { info, tags }: OpenApi,
  { placed, frames }: { placed: readonly Placed[]; frames: readonly Framed[] },
): string {
  const list = (items: readonly string[]): string => `<ul>${items.join('')}</ul>`;
  const parts = tags.map(({ name }) => {
    const own = placed.filter(({ operation }) => operation.tags.includes(name));
    const links = own.map(({ method, path, operation }) => {
      const text = `<span class="verb ${method}">${method}</span> ${escaped(path.replace('/api/', ''))}`;
      return `<li><a href="#${operation.operationId}">${text}</a></li>`;
    });
    return `<p><a href="#${anchor(name)}">${escaped(name)}</a></p>${list(links)}`;
  });
  const named = (side: Framed['side']): string[] =>
    frames
      .filter((one) => one.side === side)
      .map(({ message }) => `<li><a href="#${frameId(message, side)}">${message.name}</a></li>`);
  return `<nav aria-label="Contents"><a class="name" href="#">Conduit</a> <span class="soft">${escaped(info.version)}</span>
${parts.join('')}<p><a href="#frames">Frames of clients</a></p>${list(named('client'))}
<p>Frames of the node</p>${list(named('server'))}<p><a href="#errors">Errors</a></p></nav>`;
}

function operationArticle({ method, path, operation }: Placed, shapes: Shapes): string {
  const { operationId, summary, description, parameters = [], requestBody, responses } = operation;
  const parts = [
    `<h3><span class="verb ${method}">${method}</span> <span class="path">${escaped(path)}</span></h3>`,
    `<p>${inline(summary)} <span class="soft">${inline(description)}</span></p>`,
  ];
  for (const [place, title] of Object.entries(PLACES)) {
    const own = parameters.filter((one) => one.in === place);
    if (own.length > 0) parts.push(`<h4>${title}</h4>${parametersTable(own, shapes)}`);
  }
  const [type, body] = Object.entries(requestBody?.content ?? {})[0] ?? [];
  if (body?.schema !== undefined && type !== undefined) {
    const types = Object.keys(requestBody?.content ?? {}).join(', ');
    parts.push(`<h4>Body <code>${escaped(types)}</code></h4>${membersTable(body.schema, shapes)}`);
  }
  for (const [status, answer] of Object.entries(responses)) {
    const content = Object.entries(answer.content ?? {}).filter(([name]) => name !== PROBLEM);
    if (Number(status) >= 400 && content.length === 0) continue;
    const types = content.map(([name]) => name).join(', ');
    const text = types === '' ? inline(answer.description) : `<code>${escaped(types)}</code>`;
    parts.push(`<h4>${status} ${text}</h4>`);
    parts.push(membersTable(content[0]?.[1].schema ?? {}, shapes));
  }
  parts.push(refusals(operation));
  return `<article id="${operationId}">${parts.join('')}</article>`;
}

const PLACES = { path: 'In the path', query: 'In the query', header: 'Headers' } as const;

function parametersTable(parameters: readonly Parameter[], shapes: Shapes): string {
  const rows = parameters.map(({ name, required, schema, description }) => [
    `<code>${escaped(name)}</code>`,
    `${typeText(schema, shapes)}${required ? '' : '<span class="soft">, optional</span>'}`,
    inline(description),
  ]);
  return table(['name', 'type', ''], rows);
}

function refusals({ responses }: Operation): string {
  const rows = Object.entries(responses).flatMap(([status, { content }]) => {
    const codes = content?.[PROBLEM]?.schema?.allOf?.[1]?.properties?.['code']?.enum ?? [];
    return codes.map((code) => [
      status,
      `<a href="#error-${String(code)}"><code>${String(code)}</code></a>`,
      inline(ERRORS[code as ErrorCode].title),
    ]);
  });
  if (rows.length === 0) return '';
  const head = table(['status', 'code', 'means'], rows);
  return `<details><summary>${rows.length} errors</summary>${head}</details>`;
}

function frameArticle(message: FrameMessage, side: Framed['side']): string {
  const from = side === 'client' ? 'client' : 'node';
  return `<article id="${frameId(message, side)}"><h3><span class="path">${message.name}</span>
<span class="soft">from the ${from}</span></h3><p>${inline(message.summary)}</p>${membersTable(message.payload, {})}</article>`;
}

function errorSection(): string {
  const rows = (Object.keys(ERRORS) as ErrorCode[]).map((code) => [
    `<span id="error-${code}"><code>${code}</code></span>`,
    `${ERRORS[code].status}${ERRORS[code].temporary ? ' <span class="soft">later</span>' : ''}`,
    `${inline(ERRORS[code].title)}. ${inline(ERROR_ADVICE[code])}`,
  ]);
  return `<section id="errors"><h2>Errors</h2><p class="lead">A code never changes its meaning. With “later” the same
request may work later.</p>${table(['code', 'status', 'means, and what to do'], rows)}</section>`;
}

function anchor(name: string): string {
  return name.toLowerCase().replaceAll(' ', '-');
}

function frameId({ name }: FrameMessage, side: Framed['side']): string {
  return `frame-${side}-${name}`;
}
