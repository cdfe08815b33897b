/** What a decoder made of its input: the value, or the code of the RequestError it threw. */
import { type ErrorCode, RequestError } from '../../../src/core/errors.js';

export function outcomeOf<T>(decode: () => T): T | ErrorCode {
  try {
    return decode();
  } catch (error) {
    if (error instanceof RequestError) return error.code;
    throw error;
  }
}

/** The RequestError that `act` throws; any other outcome fails. */
export function errorOf(act: () => unknown): RequestError {
  try {
    act();
  } catch (error) {
    if (error instanceof RequestError) return error;
    throw error;
  }
  throw new Error('no error was thrown');
}
