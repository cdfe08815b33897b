/** The one place where what a schema says of a request becomes the RequestError that its sender gets. */
import type { z } from 'zod';
import { type ErrorCode, RequestError } from '../../core/errors.js';

/** What holds the members: it decides the code. */
export interface Container {
  readonly code: ErrorCode;
  /** Of one of its members, in words. */
  readonly member: string;
}

export const BODY: Container = { code: 'invalid_field', member: 'field' };
export const QUERY: Container = { code: 'invalid_query', member: 'parameter' };

const FIELD_CHARS_MAX = 60;

/** Of several issues the unknown member comes first, since it may be another one misspelt. */
export function refusalOf({ issues }: z.core.$ZodError, container: Container): RequestError {
  const issue = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0];
  if (issue === undefined) throw new Error('a schema refused without an issue');
  if (issue.code === 'unrecognized_keys') {
    const detail = `unknown ${container.member}; ${issue.message}`;
    return new RequestError(container.code, detail, fieldOf([...issue.path, issue.keys[0] ?? '']));
  }
  const refused: unknown = issue.code === 'custom' ? issue.params?.['refused'] : undefined;
  if (!(refused instanceof RequestError)) {
    return new RequestError(container.code, issue.message, fieldOf(issue.path));
  }
  if (refused.field !== undefined) return refused;
  return new RequestError(refused.code, refused.message, fieldOf(issue.path));
}

/** `retention.max_age_s`; a list is named as a whole. */
function fieldOf(path: readonly PropertyKey[]): string {
  const end = path.findIndex((part) => typeof part === 'number');
  const field = path.slice(0, end < 0 ? path.length : end).join('.');
  return field.length > FIELD_CHARS_MAX ? `${field.slice(0, FIELD_CHARS_MAX)}...` : field;
}
