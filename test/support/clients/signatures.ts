/** What of a source's functions and types others see: signatures, and names of types. Test-side only. */
import ts from 'typescript';
import type { Source } from '../documents/source-tree.js';

/** Of something exported: `Cursor.nack`, `Route.run`, `encodeFrame`. */
export interface Signature {
  name: string;
  parameters: readonly ts.ParameterDeclaration[];
}

export interface TypeName {
  name: string;
  isExported: boolean;
}

/** Functions, what exported classes and interfaces have, and types that are functions. */
export function signaturesOf(source: Source): Signature[] {
  return source.tree.statements.filter(isExported).flatMap((statement) => {
    if (ts.isFunctionDeclaration(statement)) {
      return [{ name: statement.name?.text ?? 'default', parameters: statement.parameters }];
    }
    if (ts.isVariableStatement(statement)) {
      return statement.declarationList.declarations.flatMap((one) => signatureOf(one, ''));
    }
    const name = ts.isClassDeclaration(statement) ? (statement.name?.text ?? 'default') : null;
    if (ts.isClassDeclaration(statement)) return membersOf(statement.members, `${name}.`);
    if (ts.isInterfaceDeclaration(statement)) {
      return membersOf(statement.members, `${statement.name.text}.`);
    }
    if (!ts.isTypeAliasDeclaration(statement)) return [];
    const { type } = statement;
    if (ts.isTypeLiteralNode(type)) return membersOf(type.members, `${statement.name.text}.`);
    return signatureOf(statement, '');
  });
}

/** Classes, interfaces, enums and aliases that a file declares at its top. */
export function typeNamesOf(source: Source): TypeName[] {
  return source.tree.statements.flatMap((statement) => {
    const isType =
      ts.isClassDeclaration(statement) ||
      ts.isInterfaceDeclaration(statement) ||
      ts.isTypeAliasDeclaration(statement) ||
      ts.isEnumDeclaration(statement);
    if (!isType || statement.name === undefined) return [];
    return [{ name: statement.name.text, isExported: isExported(statement) }];
  });
}

/** `bytes, from, to`, also with `end`: a range of bytes is one thing, and costs no object. */
export function countOf(parameters: readonly ts.ParameterDeclaration[]): number {
  const ranges = parameters.filter((bytes, at) => {
    const [from, to] = [parameters[at + 1], parameters[at + 2]];
    return (
      isNamed(bytes, /^bytes$/, /^(Buffer|Uint8Array)$/) &&
      isNamed(from, /^from$/, /^number$/) &&
      isNamed(to, /^(to|end)$/, /^number$/)
    );
  });
  return parameters.length - 2 * ranges.length;
}

/** `boolean`, alone or beside other types, or a default that is one. */
export function isBoolean({ type, initializer }: ts.ParameterDeclaration): boolean {
  const kinds = [ts.SyntaxKind.TrueKeyword, ts.SyntaxKind.FalseKeyword];
  if (initializer !== undefined && kinds.includes(initializer.kind)) return true;
  return type !== undefined && isBooleanType(type);
}

function isBooleanType(type: ts.TypeNode): boolean {
  if (ts.isUnionTypeNode(type)) return type.types.some(isBooleanType);
  if (ts.isParenthesizedTypeNode(type)) return isBooleanType(type.type);
  if (ts.isLiteralTypeNode(type)) return /^(true|false)$/.test(type.getText());
  return type.kind === ts.SyntaxKind.BooleanKeyword;
}

function isNamed(
  parameter: ts.ParameterDeclaration | undefined,
  name: RegExp,
  type: RegExp,
): boolean {
  if (parameter === undefined || parameter.questionToken !== undefined) return false;
  return name.test(parameter.name.getText()) && type.test(parameter.type?.getText() ?? '');
}

function isExported(statement: ts.Statement): boolean {
  if (!ts.canHaveModifiers(statement)) return false;
  return (
    ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true
  );
}

type Member = ts.ClassElement | ts.TypeElement;

function membersOf(members: ts.NodeArray<Member>, prefix: string): Signature[] {
  return members.filter((member) => !isPrivate(member)).flatMap((one) => signatureOf(one, prefix));
}

function isPrivate(member: Member): boolean {
  if (member.name !== undefined && ts.isPrivateIdentifier(member.name)) return true;
  if (!ts.canHaveModifiers(member)) return false;
  return (
    ts.getModifiers(member)?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword) === true
  );
}

/** Of what is a function, has a function for its type, or is set to one. */
function signatureOf(node: ts.Node & { name?: ts.Node }, prefix: string): Signature[] {
  const name = `${prefix}${node.name?.getText() ?? 'constructor'}`;
  const { parameters, type, initializer } = node as {
    parameters?: readonly ts.ParameterDeclaration[];
    type?: ts.TypeNode;
    initializer?: ts.Expression;
  };
  if (parameters !== undefined) return [{ name, parameters }];
  const inner = type === undefined ? initializer : functionIn(type);
  return inner !== undefined && ts.isFunctionLike(inner)
    ? [{ name, parameters: inner.parameters }]
    : [];
}

/** `(a: number) => void`, also where null or undefined may stand for it. */
function functionIn(type: ts.TypeNode): ts.Node | undefined {
  if (ts.isParenthesizedTypeNode(type)) return functionIn(type.type);
  if (!ts.isUnionTypeNode(type)) return type;
  return type.types.map(functionIn).find((one) => one !== undefined && ts.isFunctionLike(one));
}
