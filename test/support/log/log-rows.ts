/** Rows of the log for tests, of any content, with sequences that follow one another. */
import fc from 'fast-check';
import type { LogRow } from '../../../src/core/message.js';

const text = fc.oneof(fc.constant(null), fc.string({ unit: 'binary', maxLength: 40 }));

/** Up to `maxLength` of them, the first after the 1,000th message or before. */
export function logRows(maxLength: number): fc.Arbitrary<LogRow[]> {
  const content = fc.record(
    {
      publishedAtMs: fc.maxSafeNat(),
      expiresAtMs: fc.maxSafeNat(),
      contentType: fc.constantFrom(0 as const, 1 as const),
      messageId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      payload: fc.uint8Array({ minLength: 1, maxLength: 60 }),
      key: text,
      headers: text,
    },
    { noNullPrototype: true },
  );
  return fc
    .tuple(fc.integer({ min: 1, max: 1_000 }), fc.array(content, { minLength: 1, maxLength }))
    .map(([first, contents]) => contents.map((one, n) => ({ ...one, sequence: first + n })));
}

/** Of that payload, at that place. */
export function logRow(sequence: number, payload: Uint8Array = Buffer.from('1')): LogRow {
  return {
    ...{ sequence, payload, messageId: Buffer.alloc(16, 7), publishedAtMs: 1, contentType: 0 },
    ...{ key: null, headers: null, expiresAtMs: 0 },
  };
}
