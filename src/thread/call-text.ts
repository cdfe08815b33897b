/**
 * Calls as they change threads, in the one place where their types are taken on trust: arguments and results
 * are JSON, and a result's `body` travels beside it as bytes.
 */
import type { CallArgs, CallName, CallResult } from './calls.js';

export interface AnswerText {
  /** JSON text. */
  result: string;
  /** Empty where the result has none. */
  body: Uint8Array;
}

const NOTHING = new Uint8Array(0);
const LENGTH_BYTES = 4;

export function writeArgs<M extends CallName>(args: CallArgs<M>): string {
  return JSON.stringify(args);
}

export function readArgs<M extends CallName>(text: string): CallArgs<M> {
  return JSON.parse(text) as CallArgs<M>;
}

export function writeAnswer(result: object): AnswerText {
  if (!('body' in result) || !(result.body instanceof Uint8Array)) {
    return { result: JSON.stringify(result), body: NOTHING };
  }
  return { result: JSON.stringify({ ...result, body: null }), body: result.body };
}

/** Keeps the body. */
export function readAnswer<M extends CallName>({ result, body }: AnswerText): CallResult<M> {
  const read = JSON.parse(result) as CallResult<M> & { body?: Uint8Array };
  if ('body' in read) read.body = body;
  return read;
}

/** As one buffer, which changes threads by transfer. */
export function packAnswer({ result, body }: AnswerText): ArrayBuffer {
  const text = Buffer.from(result, 'utf8');
  const packed = new Uint8Array(LENGTH_BYTES + text.length + body.length);
  new DataView(packed.buffer).setUint32(0, text.length);
  packed.set(text, LENGTH_BYTES);
  packed.set(body, LENGTH_BYTES + text.length);
  return packed.buffer;
}

/** Keeps `packed`: the body is a view of it. */
export function unpackAnswer(packed: ArrayBuffer): AnswerText {
  const bodyAt = LENGTH_BYTES + new DataView(packed).getUint32(0);
  return {
    result: Buffer.from(packed, LENGTH_BYTES, bodyAt - LENGTH_BYTES).toString('utf8'),
    body: new Uint8Array(packed, bodyAt),
  };
}
