/** The sources as the tidy test sees them: text, syntax tree, imports. Test-side only. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

export interface SourceImport {
  /** As written, or the source's path for a relative one: `src/core/clock.ts`. */
  target: string;
  isRelative: boolean;
  isType: boolean;
}

export interface Source {
  /** From the package's folder: `src/core/clock.ts`. */
  path: string;
  lines: string[];
  tree: ts.SourceFile;
  imports: SourceImport[];
}

/** All TypeScript files, with JSX or without, under `folder` of the package, sorted by path. */
export function readSources(packageFolder: string, folder: string): Source[] {
  return readdirSync(path.join(packageFolder, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .sort()
    .map((name) => readSource(packageFolder, path.posix.join(folder, name)));
}

function readSource(packageFolder: string, file: string): Source {
  const text = readFileSync(path.join(packageFolder, file), 'utf8');
  const kind = file.endsWith('x') ? ts.ScriptKind.TSX : ts.ScriptKind.TS;
  const tree = ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true, kind);
  const lines = text.replace(/\n$/, '').split('\n');
  return { path: file, lines, tree, imports: importsOf(tree, file) };
}

function importsOf(tree: ts.SourceFile, file: string): SourceImport[] {
  const imports: SourceImport[] = [];
  visit(tree, (node) => {
    const specifier = specifierOf(node);
    if (specifier === null) return;
    const isRelative = specifier.startsWith('.');
    const target = isRelative
      ? path.posix.join(path.posix.dirname(file), specifier).replace(/\.js$/, '.ts')
      : specifier;
    imports.push({ target, isRelative, isType: isTypeOnly(node) });
  });
  return imports;
}

function specifierOf(node: ts.Node): string | null {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    const { moduleSpecifier } = node;
    return moduleSpecifier !== undefined && ts.isStringLiteral(moduleSpecifier)
      ? moduleSpecifier.text
      : null;
  }
  if (!ts.isCallExpression(node) || node.expression.kind !== ts.SyntaxKind.ImportKeyword) {
    return null;
  }
  const [argument] = node.arguments;
  return argument !== undefined && ts.isStringLiteral(argument) ? argument.text : null;
}

function isTypeOnly(node: ts.Node): boolean {
  if (ts.isExportDeclaration(node)) return node.isTypeOnly;
  if (!ts.isImportDeclaration(node)) return false;
  const clause = node.importClause;
  if (clause === undefined) return false;
  if (clause.isTypeOnly) return true;
  const named = clause.namedBindings;
  const allTypes =
    named !== undefined &&
    ts.isNamedImports(named) &&
    named.elements.every((element) => element.isTypeOnly);
  return clause.name === undefined && allTypes;
}

/** Every node of the tree, parents first. */
export function visit(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node);
  ts.forEachChild(node, (child) => visit(child, see));
}

/** From 1. */
export function lineOf(source: Source, node: ts.Node): number {
  return source.tree.getLineAndCharacterOfPosition(node.getStart()).line + 1;
}

/** Lines from the function's first token to its last. */
export function lengthOf(source: Source, node: ts.Node): number {
  const last = source.tree.getLineAndCharacterOfPosition(node.getEnd()).line + 1;
  return last - lineOf(source, node) + 1;
}
