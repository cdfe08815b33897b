/** What errors of HTTP say, as wire/problem.ts writes it: RFC 9457. */
import { z } from 'zod';
import { ERRORS, type ErrorCode } from '../../core/errors.js';

export const PROBLEM = z.strictObject({
  type: z.string().describe('`urn:conduit:error:` and the code.'),
  title: z.string().describe('What is wrong in general.'),
  status: z.int(),
  detail: z.string().describe('What is wrong in particular, and what to do; for people.'),
  code: z
    .enum(Object.keys(ERRORS) as ErrorCode[])
    .describe('Stable: it never changes its meaning.'),
  field: z.string().optional().describe('Which part of the request is at fault.'),
  request_id: z
    .string()
    .describe('As X-Request-Id has it: that of the request, else a UUID that the node made.'),
});
