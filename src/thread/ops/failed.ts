/** FAILED: the answer to any request that did not succeed. */
import type { ErrorCode, RequestError } from '../../core/errors.js';
import { ERRORS, errorCodeById } from '../../core/errors.js';
import type { PackReader } from '../packing/pack-reader.js';
import type { PackWriter } from '../packing/pack-writer.js';
import { OP_FAILED } from './opcodes.js';

// ---- FAILED: the answer to any request that did not succeed ----
export interface FailedOp {
  /** 0 only for an ACK without ref: then `session` says whose. */
  request: number;
  session: number;
  code: ErrorCode;
  detail: string;
  field: string | null;
}

/** The answer to a request that failed with `error`. */
export function failureOf(
  { request, session }: Pick<FailedOp, 'request' | 'session'>,
  { code, message: detail, field }: RequestError,
): FailedOp {
  return { request, session, code, detail, field: field ?? null };
}

export function packFailed(to: PackWriter, op: FailedOp): void {
  to.begin(OP_FAILED, 3 * (op.detail.length + (op.field?.length ?? 0)));
  to.u32(op.request);
  to.u32(op.session);
  to.u16(ERRORS[op.code].id);
  to.text(op.detail);
  to.textOrNull(op.field);
}

export function readFailed(from: PackReader): FailedOp {
  return {
    request: from.u32(),
    session: from.u32(),
    code: errorCodeById(from.u16()),
    detail: from.text(),
    field: from.textOrNull(),
  };
}
