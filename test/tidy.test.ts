// Goal: what docs/conventions.md and docs/architecture.md demand of the sources holds: sizes, the direction
// of imports, one folder per vendor, no cycles, no drawers. Each rule answers the places that break
// it.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import ts from 'typescript';
import { LIMITS } from '../src/core/limits.js';
import { readMigrations } from '../src/log/postgres/upkeep/migration-files.js';
import { countOf, isBoolean, signaturesOf, typeNamesOf } from './support/clients/signatures.js';
import {
  lengthOf,
  lineOf,
  readSources,
  type Source,
  visit,
} from './support/documents/source-tree.js';

const PACKAGE_FOLDER = fileURLToPath(new URL('../../', import.meta.url));
const sources = readSources(PACKAGE_FOLDER, 'src');
const tests = readSources(PACKAGE_FOLDER, 'test');
/** It is held to the sizes and the tidiness of src, not to its layers. */
const bench = readSources(PACKAGE_FOLDER, 'native-bench');
/** So is the dashboard: it has layers of its own. */
const dashboard = readSources(PACKAGE_FOLDER, 'dashboard/src');
const sized = [...sources, ...bench];
const all = [...sized, ...dashboard, ...tests];

/**
 * `rule: place`, as the rule answers it, with the reason. An entry that nothing breaks any more
 * fails.
 */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  'an exported function takes at most three parameters: src/thread/ops/publish.ts packPublish':
    'made for each publish: 90 ns, and 97 with an object for request and topic (4 medians ' +
    'of 15 runs of 300,000 calls, PackWriter.take after every 64; Node 20, 2026-11-26)',
};

const SOURCE_LINES_MAX = 400;
const TEST_LINES_MAX = 600;
const FUNCTION_LINES_MAX = 70;
/** What a page is made of is one expression. */
const MARKUP_LINES_MAX = 100;
/** A test tells a story from its beginning to its end. */
const TEST_FUNCTION_LINES_MAX = 100;
/** Biome holds code to 100, and leaves comments alone. */
const COLUMNS_MAX = 110;
const COMMENT = /^\s*(\/\/|\/?\*)/;

/** From the top; a folder may import what stands below it. */
const LAYERS: readonly (readonly string[])[] = [
  ['cli'],
  ['client'],
  ['main'],
  ['supervisor'],
  ['acceptor', 'topic', 'cold'],
  ['tenant'],
  ['log', 'backplane'],
  ['wire', 'thread'],
  ['observe'],
  ['config'],
  ['core'],
];
/** Sub-rooms of a folder, from the top, as above; what stands side by side does not import each other. */
const ROOMS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  cli: [['.'], ['commands'], ['checks'], ['node'], ['line'], ['terminal']],
  log: [
    ['postgres'],
    ['postgres/move'],
    ['postgres/append'],
    ['postgres/store'],
    ['postgres/upkeep'],
    ['memory', 'postgres/session'],
    ['several'],
    ['contract'],
  ],
  acceptor: [
    ['.'],
    ['routes/table'],
    ['watch'],
    ['routes'],
    ['webhooks'],
    ['session'],
    ['delivery'],
    ['workers'],
    ['description'],
    ['http'],
  ],
  topic: [['.'], ['calls'], ['subscriptions'], ['peers'], ['delivery'], ['log'], ['state']],
  thread: [['.'], ['ops'], ['packing']],
  wire: [['views'], ['schemas'], ['.']],
};
/** The other folders see only the result: Config and its types. */
const READS_CONFIG = ['cli', 'main', 'supervisor', 'config'];

const VENDORS: Readonly<Record<string, readonly string[]>> = {
  'uWebSockets.js': ['acceptor'],
  pg: ['log'],
  'pg-copy-streams': ['log'],
  ioredis: ['backplane'],
  'cluster-key-slot': ['backplane'],
  piscina: ['cold', 'main'],
  pino: ['observe'],
  '@opentelemetry/api': ['observe'],
  '@platformatic/prom-client': ['observe'],
  zod: ['wire', 'acceptor'],
  jose: ['tenant'],
  undici: ['acceptor'],
  msgpackr: ['wire', 'client', 'cli'],
  'node:worker_threads': ['thread', 'supervisor', 'cold', 'main'],
};
/** Entries of threads, which have a parent port. */
const THREAD_ENTRIES = ['src/acceptor/acceptor-thread.ts', 'src/topic/worker-thread.ts'];

/** Rooms whose files are private but for these: the rest of the folder asks them. */
const OWNED: Readonly<Record<string, readonly string[]>> = {
  'topic/delivery': ['delivery.ts', 'local-outlet.ts', 'peer-outlet.ts'],
};

/** What of links only these may know, in src/topic. */
const OUTLETS = [
  ...['local-outlet', 'packed-outlet', 'peer-outlet'].map((one) => `src/topic/delivery/${one}.ts`),
  'src/topic/peers/remote-worker.ts',
];
const LINK_FILES = ['src/thread/link.ts', 'src/thread/packing/pack-writer.ts'];

/** Where a key is made of a name and the tenant that a principal, or a row of the log, says it is of. */
const MAKES_KEYS = [
  'src/core/principal.ts',
  'src/log/postgres/store/message-trace.ts',
  'src/log/postgres/store/topic-store.ts',
  'src/log/postgres/upkeep/due-topics.ts',
  'src/topic/calls/redrive-jobs.ts',
];
const BRANDS = ['Tenant', 'TopicKey', 'Within'];
/** Makes them, and reads what another thread's made. */
const BRANDING = ['src/core/topic-key.ts', 'src/thread/packing/pack-reader.ts'];

/** Time and chance come from core/clock.ts there. */
const CLOCKED = ['core', 'topic', 'log'];
const CLOCK = /^(Date\.now|performance\.now|Math\.random)$/;

/** Clients see nothing of theirs but by wire. */
const SNAKELESS = ['acceptor', 'topic', 'thread', 'cold'];
/** What the code maps by the words of a state. */
const STATE_WORDS = ['read_only', 'taken_over'];
/** Options of uWS. */
const FOREIGN_WORDS = ['cert_file_name', 'key_file_name'];

/** Words in -ing that are things. */
const NOUNS = /(^|-)(hash-ring|encoding|ordering|happening)\.ts$/;
const PARAMETERS_MAX = 3;

/** They ask and answer across threads. */
const ASKING = ['acceptor', 'topic', 'cold', 'log'];

const RULES: Readonly<Record<string, () => string[]>> = {
  'a source file has at most 400 lines': () => tooLong([...sized, ...dashboard], SOURCE_LINES_MAX),
  'a test file has at most 600 lines': () => tooLong(tests, TEST_LINES_MAX),
  'a comment has at most 110 columns': wideComments,
  'a function has at most 70 lines': () => longFunctions(sized, FUNCTION_LINES_MAX),
  'a function of the dashboard has at most 100 lines': () =>
    longFunctions(dashboard, MARKUP_LINES_MAX),
  'a function of a test has at most 100 lines': () => longFunctions(tests, TEST_FUNCTION_LINES_MAX),
  'imports go only downward': upwardImports,
  'the benchmark needs nothing of the tests': needsOfBench,
  'a folder has the rooms that are listed': strayRooms,
  'the map tells of the rooms, in their order': untoldRooms,
  'a vendor has its folder': strayVendors,
  'files do not import one another in a circle': cycles,
  'a file is named for what it holds': () =>
    places(/(^|\/)(utils?|common|helpers?|managers?|misc|index)(\.|\/|-|$)/),
  'the client takes types alone of the server': bundledServer,
  'no file only passes on another': barrels,
  'a catch does something': emptyCatches,
  'nothing is written to the console': consoleUses,
  'time and chance are injected': clockUses,
  'types between threads are not taken on trust': trustedTypes,
  'what clients see is named in wire': namesOfClients,
  'a tenant is named where the principal is made, and keys are made by it and from the log':
    namedTenants,
  'a limit is named as the operator sets it': limitsInWords,
  'a handler of uWS is mounted from the table of routes': strayHandlers,
  'topic code speaks to an outlet, which alone packs': packingTopics,
  'a room with an owner is entered by it': enteredRooms,
  'an exported function takes at most three parameters': longSignatures,
  'an exported function takes no boolean': booleanParameters,
  'a type that is exported is declared once': repeatedTypes,
  'a file is named by a noun': gerundFiles,
};

t.test('the sources are found', async (t) => {
  t.ok(sources.length > 50);
  t.ok(tests.length > 20);
  t.ok(bench.length > 20);
  t.ok(dashboard.length > 50);
});

const used = new Set<string>();
for (const [rule, broken] of Object.entries(RULES)) {
  t.test(rule, async (t) => {
    const found = broken();
    for (const place of found) used.add(`${rule}: ${place}`);
    t.same(
      found.filter((place) => !(`${rule}: ${place}` in EXCEPTIONS)),
      [],
    );
  });
}

t.test('migrations are numbered from 0001 without a hole', async (t) => {
  const migrations = await readMigrations(path.join(PACKAGE_FOLDER, 'sql'));
  t.ok(migrations.length > 0);
});

t.test('decisions are numbered from 1 without a hole, in name and title', (t) => {
  const folder = path.join(PACKAGE_FOLDER, 'docs/adr');
  readdirSync(folder)
    .sort()
    .forEach((name, at) => {
      t.equal(Number(name.slice(0, 4)), at + 1, name);
      t.match(readFileSync(path.join(folder, name), 'utf8'), new RegExp(`^# ${at + 1}\\. `), name);
    });
  t.end();
});

t.test('no exception is stale', async (t) => {
  t.same(
    Object.keys(EXCEPTIONS).filter((exception) => !used.has(exception)),
    [],
  );
});

function tooLong(files: readonly Source[], max: number): string[] {
  return files.filter(({ lines }) => lines.length > max).map((source) => source.path);
}

function wideComments(): string[] {
  return all.flatMap((source) =>
    source.lines.flatMap((line, n) =>
      line.length > COLUMNS_MAX && COMMENT.test(line) ? [`${source.path}:${n + 1}`] : [],
    ),
  );
}

function longFunctions(files: readonly Source[], max: number): string[] {
  return files.flatMap((source) =>
    nodes(source, (node) => ts.isFunctionLike(node) && lengthOf(source, node) > max),
  );
}

function upwardImports(): string[] {
  return sources.flatMap((source) =>
    source.imports
      .filter(({ isRelative, target }) => isRelative && !mayImport(source.path, target))
      .map(({ target }) => `${source.path} imports ${target}`),
  );
}

function needsOfBench(): string[] {
  return bench.flatMap(({ path: file, imports }) =>
    imports
      .filter(({ target }) => target.startsWith('test/'))
      .map(({ target }) => `${file} imports ${target}`),
  );
}

function mayImport(from: string, to: string): boolean {
  const [upper, lower] = [folderOf(from), folderOf(to)];
  if (upper === lower) return mayImportRoom(upper, roomOf(from), roomOf(to));
  if (upper === 'client') return lower === 'core' || lower === 'wire';
  if (lower === 'config' && !READS_CONFIG.includes(upper)) return to === 'src/config/config.ts';
  const [upperLayer, lowerLayer] = [layerOf(upper), layerOf(lower)];
  return upperLayer >= 0 && upperLayer < lowerLayer;
}

function mayImportRoom(folder: string, from: string, to: string): boolean {
  const rooms = ROOMS[folder];
  if (rooms === undefined || from === to) return true;
  const depth = (room: string): number => rooms.findIndex((row) => row.includes(room));
  return depth(from) >= 0 && depth(from) < depth(to);
}

/** A bundle of it would have them otherwise. */
function bundledServer(): string[] {
  return sources
    .filter(({ path: file }) => folderOf(file) === 'client')
    .flatMap(({ path: file, imports }) =>
      imports
        .filter(({ isRelative, isType, target }) => {
          return isRelative && !isType && folderOf(target) !== 'client';
        })
        .map(({ target }) => `${file} imports ${target}`),
    );
}

function strayRooms(): string[] {
  return sources
    .map((source) => source.path)
    .filter((file) => !(ROOMS[folderOf(file)]?.flat() ?? ['.']).includes(roomOf(file)));
}

/** Those that docs/architecture.md leaves out, or has before one that stands above them. */
function untoldRooms(): string[] {
  const map = readFileSync(path.join(PACKAGE_FOLDER, 'docs/architecture.md'), 'utf8');
  return Object.entries(ROOMS).flatMap(([folder, rows]) => {
    let from = map.indexOf('## Folders');
    return rows.flatMap((row) => {
      const named = row.filter((room) => room !== '.').map((room) => `${folder}/${room}`);
      const untold = named.filter((room) => map.indexOf(`\`${room}\``, from) < 0);
      from = Math.max(from, ...named.map((room) => map.indexOf(`\`${room}\``, from)));
      return untold;
    });
  });
}

function strayVendors(): string[] {
  return sources.flatMap((source) =>
    source.imports
      .filter(({ isRelative, target, isType }) => {
        if (isRelative) return false;
        const homes = VENDORS[target];
        if (homes === undefined) return !target.startsWith('node:');
        if (target.startsWith('node:') && isType) return false;
        return !homes.includes(folderOf(source.path)) && !THREAD_ENTRIES.includes(source.path);
      })
      .map(({ target }) => `${source.path} imports ${target}`),
  );
}

/** Circles that a walk along the imports closes, those of types alone among them. */
function cycles(): string[] {
  const byPath = new Map(sized.map((source) => [source.path, source]));
  const done = new Set<string>();
  const found: string[] = [];
  const walk = (file: string, way: readonly string[]): void => {
    if (way.includes(file)) {
      found.push([...way.slice(way.indexOf(file)), file].join(' > '));
      return;
    }
    if (done.has(file)) return;
    for (const { isRelative, target } of byPath.get(file)?.imports ?? []) {
      if (isRelative) walk(target, [...way, file]);
    }
    done.add(file);
  };
  for (const file of byPath.keys()) walk(file, []);
  return found;
}

function barrels(): string[] {
  return sized.flatMap((source) =>
    nodes(
      source,
      (node) => ts.isExportDeclaration(node) && node.exportClause === undefined && !node.isTypeOnly,
    ),
  );
}

function emptyCatches(): string[] {
  return all.flatMap((source) =>
    nodes(source, (node) => ts.isCatchClause(node) && node.block.statements.length === 0),
  );
}

function consoleUses(): string[] {
  return all.flatMap((source) =>
    nodes(
      source,
      (node) => ts.isPropertyAccessExpression(node) && node.expression.getText() === 'console',
    ),
  );
}

function clockUses(): string[] {
  return sources
    .filter(({ path: file }) => CLOCKED.includes(folderOf(file)) && file !== 'src/core/clock.ts')
    .flatMap((source) =>
      nodes(source, (node) => ts.isPropertyAccessExpression(node) && CLOCK.test(node.getText())),
    );
}

/** Calls such as `app.get`; WebSockets have one mount of their own. */
function strayHandlers(): string[] {
  const mounts = /\bapp(\.(get|post|put|patch|del|head|options|any|connect|trace|ws)|\[[^\]]*\])$/;
  const homes: Readonly<Record<string, RegExp>> = {
    'src/acceptor/http/router.ts': /./,
    'src/acceptor/session/sessions.ts': /\.ws$/,
  };
  return sources.flatMap((source) =>
    nodes(source, (node) => {
      if (!ts.isCallExpression(node)) return false;
      const called = node.expression.getText();
      return mounts.test(called) && homes[source.path]?.test(called) !== true;
    }),
  );
}

/** Texts for people, which have spaces, that name a limit as the code does. */
function limitsInWords(): string[] {
  const names = new RegExp(`\\b(${Object.keys(LIMITS).join('|')})\\b`);
  const isText = (node: ts.Node): node is ts.LiteralLikeNode =>
    ts.isStringLiteral(node) ||
    ts.isNoSubstitutionTemplateLiteral(node) ||
    node.kind === ts.SyntaxKind.TemplateHead ||
    ts.isTemplateMiddleOrTemplateTail(node);
  return sources.flatMap((source) =>
    nodes(source, (node) => isText(node) && / /.test(node.text) && names.test(node.text)),
  );
}

function enteredRooms(): string[] {
  return Object.entries(OWNED).flatMap(([room, doors]) => {
    const inside = `src/${room}/`;
    const isPrivate = (file: string): boolean =>
      file.startsWith(inside) && !doors.includes(file.slice(inside.length));
    return sources
      .filter(({ path: file }) => !file.startsWith(inside))
      .flatMap(({ path: file, imports }) =>
        imports
          .filter(({ target }) => isPrivate(target))
          .map(({ target }) => `${file} imports ${target}`),
      );
  });
}

function packingTopics(): string[] {
  return sources
    .filter(({ path: file }) => folderOf(file) === 'topic' && !OUTLETS.includes(file))
    .flatMap((source) => [
      ...source.imports
        .filter(({ target }) => LINK_FILES.includes(target))
        .map(({ target }) => `${source.path} imports ${target}`),
      ...nodes(
        source,
        (node) =>
          ts.isImportSpecifier(node) && /^pack[A-Z]/.test((node.propertyName ?? node.name).text),
      ),
    ]);
}

/** Thread/call-text.ts reads what thread/calls.ts is the table of; nobody else says what JSON is. */
function trustedTypes(): string[] {
  return sources
    .filter(({ path: file }) => ASKING.includes(folderOf(file)))
    .flatMap((source) =>
      nodes(source, (node) => {
        if (!ts.isAsExpression(node)) return false;
        return node.type.getText() === 'never' || /^JSON\.parse\(/.test(node.expression.getText());
      }),
    );
}

/** JSON is snake_case, and the code is not: whoever names a member so makes what a client sees. */
function namesOfClients(): string[] {
  return sources
    .filter(({ path: file }) => SNAKELESS.includes(folderOf(file)))
    .flatMap((source) =>
      nodes(source, (node) => {
        const isMember =
          ts.isPropertyAssignment(node) ||
          ts.isShorthandPropertyAssignment(node) ||
          ts.isPropertySignature(node);
        const name = isMember ? node.name.getText() : '';
        return (
          /^[a-z]+(_[a-z]+)+$/.test(name) && ![...STATE_WORDS, ...FOREIGN_WORDS].includes(name)
        );
      }),
    );
}

function namedTenants(): string[] {
  const strays = sources.flatMap((source) =>
    nodes(source, (node) => {
      if (ts.isAsExpression(node)) {
        return BRANDS.includes(node.type.getText()) && !BRANDING.includes(source.path);
      }
      if (!ts.isCallExpression(node)) return false;
      const made = node.expression.getText();
      const isLiteral = node.arguments.some((argument) => ts.isStringLiteralLike(argument));
      if (made === 'asTenant' && isLiteral) return source.path !== 'src/core/principal.ts';
      return made === 'topicKey' && !MAKES_KEYS.includes(source.path);
    }),
  );
  const named = sources.flatMap((source) =>
    nodes(source, (node) => ts.isStringLiteral(node) && node.text === 'default'),
  );
  const apart = named.filter((place) => !place.startsWith('src/config/'));
  return apart.length === 1 ? strays : [...strays, ...apart];
}

function longSignatures(): string[] {
  return sources.flatMap((source) =>
    signaturesOf(source)
      .filter(({ parameters }) => countOf(parameters) > PARAMETERS_MAX)
      .map(({ name }) => `${source.path} ${name}`),
  );
}

function booleanParameters(): string[] {
  return sources.flatMap((source) =>
    signaturesOf(source)
      .filter(({ parameters }) => parameters.some(isBoolean))
      .map(({ name }) => `${source.path} ${name}`),
  );
}

/** In src; and whatever else a folder calls so, exported or not, is another thing of the same name. */
function repeatedTypes(): string[] {
  const all = sources.flatMap((source) =>
    typeNamesOf(source).map((type) => ({ ...type, file: source.path })),
  );
  return [...new Set(all.map(({ name }) => name))].flatMap((name) => {
    const places = all.filter((type) => type.name === name);
    const exported = places.filter(({ isExported }) => isExported);
    const folders = new Set(exported.map(({ file }) => path.posix.dirname(file)));
    const twins = places.filter(
      ({ file, isExported }) => isExported || folders.has(path.posix.dirname(file)),
    );
    return exported.length > 0 && twins.length > 1
      ? [`${name} in ${twins.map(({ file }) => file).join(', ')}`]
      : [];
  });
}

function gerundFiles(): string[] {
  return sources
    .map(({ path: file }) => file)
    .filter((file) => /ing\.ts$/.test(file) && !NOUNS.test(path.posix.basename(file)));
}

function places(banned: RegExp): string[] {
  return all.map(({ path: file }) => file).filter((file) => banned.test(file));
}

function nodes(source: Source, fits: (node: ts.Node) => boolean): string[] {
  const found: string[] = [];
  visit(source.tree, (node) => {
    if (fits(node)) found.push(`${source.path}:${lineOf(source, node)}`);
  });
  return found;
}

/** `core` of src/core/clock.ts, `main` of src/main.ts. */
function folderOf(file: string): string {
  return path.posix.basename(file.split('/')[1] ?? '', '.ts');
}

/** `postgres/append` of src/log/postgres/append/append-lane.ts, `.` of src/topic/worker.ts. */
function roomOf(file: string): string {
  return file.split('/').slice(2, -1).join('/') || '.';
}

function layerOf(folder: string): number {
  return LAYERS.findIndex((layer) => layer.includes(folder));
}
