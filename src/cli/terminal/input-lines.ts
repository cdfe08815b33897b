/**
 * Lines of standard input, as they come: those of each piece that was read together, so that whoever
 * publishes them waits for no more than is there. Holds one piece, and a line that has not ended.
 */
import { LIMITS } from '../../core/limits.js';
import { CommandFailure } from './failure.js';

/** The longest that a payload can be allowed to be, and what stands around it. */
const LINE_BYTES_MAX = LIMITS.payloadBytesMax.max + 1_024;
const LINE_FEED = 0x0a;

export interface InputLine {
  /** From 1. */
  number: number;
  text: string;
}

/** Throws CommandFailure (2) for a line that is too long, or is not UTF-8. */
export async function* inputLines(input: AsyncIterable<Buffer>): AsyncGenerator<InputLine[]> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  let number = 0;
  const take = (bytes: Buffer): InputLine => ({ number: ++number, text: textOf(bytes, number) });
  for await (const piece of input) {
    const lines: InputLine[] = [];
    let from = 0;
    for (let at = piece.indexOf(LINE_FEED); at >= 0; at = piece.indexOf(LINE_FEED, from)) {
      lines.push(take(Buffer.concat([...rest, piece.subarray(from, at)])));
      [rest, restBytes, from] = [[], 0, at + 1];
    }
    if (from < piece.length) {
      rest.push(piece.subarray(from));
      restBytes += piece.length - from;
    }
    if (restBytes > LINE_BYTES_MAX) throw tooLong(number + 1);
    if (lines.length > 0) yield lines;
  }
  if (restBytes > 0) yield [take(Buffer.concat(rest))];
}

/** All of it as one text. Throws as above. */
export async function wholeInput(input: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of input) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes > LINE_BYTES_MAX) {
      throw new CommandFailure(2, `the input is longer than ${LINE_BYTES_MAX} bytes`);
    }
  }
  return textOf(Buffer.concat(pieces), 1);
}

function textOf(bytes: Buffer, number: number): string {
  if (bytes.length > LINE_BYTES_MAX) throw tooLong(number);
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return text.endsWith('\r') ? text.slice(0, -1) : text;
  } catch {
    throw new CommandFailure(2, `line ${number} of the input is not UTF-8`);
  }
}

function tooLong(number: number): CommandFailure {
  return new CommandFailure(
    2,
    `line ${number} of the input is longer than ${LINE_BYTES_MAX} bytes, which no payload may be`,
  );
}
