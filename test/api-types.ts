/**
 * npm run api-types -- [FILE]: types of the HTTP API for TypeScript, made of the table of routes by
 * openapi-typescript; to FILE, or printed.
 */
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { PACKAGE_FOLDER } from '../native-bench/rig/node.js';
import { openApiOf } from '../src/acceptor/description/openapi.js';
import { ROUTES } from './support/documents/described-routes.js';

type ToTypes = (document: object) => Promise<Parameters<ToText>[0]>;
type ToText = typeof import('openapi-typescript').astToString;

const load = createRequire(import.meta.url);
const { version } = load(path.join(PACKAGE_FOLDER, 'package.json')) as { version: string };
const { default: toTypes, astToString } = await import('openapi-typescript');
const document = await openApiOf({ routes: ROUTES, version });
const text = astToString(await (toTypes as unknown as ToTypes)(document));
const [file] = process.argv.slice(2);
if (file === undefined) process.stdout.write(text);
else writeFileSync(file, text);
