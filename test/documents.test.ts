// Goal: what documents, comments and tests name is in the repository: links lead somewhere, and a path
// that is cited is a file. A migration keeps the words it was applied with.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const PACKAGE_FOLDER = fileURLToPath(new URL('../../', import.meta.url));
const FOLDERS = ['src', 'test', 'docs', 'native-bench'];

const PATH =
  /(?<![\w./-])(?:src|test|docs|native-bench|sql)\/[\w./-]*\w\.(?:ts|md|sh|sql|json|svg)\b/g;
const LINK = /\]\(([^)#\s]+)(?:#[^)]*)?\)/g;
const COMMENT = /^\s*(?:\/\/|\*|\/\*\*).*$/gm;
const NAME = /(?<![\w.-])[\w/-]+\.(?:ts|md)\b(?!\.)/g;

interface Text {
  readonly file: string;
  readonly text: string;
}

const texts = [...FOLDERS.flatMap(filesOf), ...readdirSync(PACKAGE_FOLDER).filter(isText)].map(
  (file): Text => ({ file, text: readFileSync(path.join(PACKAGE_FOLDER, file), 'utf8') }),
);
const names = new Set(texts.map(({ file }) => path.posix.basename(file)));

t.test('there is something to look at', async (t) => {
  t.ok(texts.length > 300);
  t.ok(texts.some(({ file }) => file === 'README.md'));
});

t.test('a path that is cited is a file of the repository', async (t) => {
  const cited = texts.flatMap(({ file, text }) =>
    [...text.matchAll(PATH)].map(([place]) => ({ file, place })),
  );
  t.ok(cited.length > 100);
  t.same(
    cited.filter(({ place }) => !isThere(place)),
    [],
  );
});

t.test('a link of a document leads to a file of the repository', async (t) => {
  const links = texts
    .filter(({ file }) => file.endsWith('.md'))
    .flatMap(({ file, text }) => [...text.matchAll(LINK)].map(([, to = '']) => ({ file, to })))
    .filter(({ to }) => !/^(https?|mailto):/.test(to));
  t.ok(links.length > 20);
  t.same(
    links.filter(({ file, to }) => !isThere(path.posix.join(path.posix.dirname(file), to))),
    [],
  );
});

t.test('each line of the first description names tests that are there', async (t) => {
  const text = readFileSync(path.join(PACKAGE_FOLDER, 'docs/seed.md'), 'utf8');
  const rows = text.split('\n').filter((line) => /^\| (?!---|the description)/.test(line));
  t.ok(rows.length > 30);
  const shown = rows.flatMap((row) =>
    [...(row.split('|').at(-2) ?? '').matchAll(/`([a-z0-9-]+(?:\/[a-z0-9/-]+)?)`/g)].map(
      ([, name = '']) => name,
    ),
  );
  t.ok(shown.length > rows.length);
  t.same(
    shown.filter((name) => !isThere(`test/${name}.test.ts`) && !isThere(`test/${name}`)),
    [],
  );
});

t.test('a file that a comment names is there', async (t) => {
  const named = texts
    .filter(({ file }) => file.endsWith('.ts'))
    .flatMap(({ file, text }) =>
      [...text.matchAll(COMMENT)].flatMap(([line]) =>
        [...line.matchAll(NAME)].map(([name]) => ({ file, name })),
      ),
    );
  t.ok(named.length > 20);
  t.same(
    named.filter(({ name }) => !names.has(path.posix.basename(name))),
    [],
  );
});

function isThere(place: string): boolean {
  return existsSync(path.join(PACKAGE_FOLDER, place));
}

function isText(name: string): boolean {
  return /\.(ts|md|sh)$/.test(name);
}

function filesOf(folder: string): string[] {
  return readdirSync(path.join(PACKAGE_FOLDER, folder), { recursive: true, encoding: 'utf8' })
    .filter(isText)
    .map((name) => path.posix.join(folder, name));
}
