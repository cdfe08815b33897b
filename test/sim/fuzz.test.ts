// Goal: no parser of what strangers send does anything but take it or refuse it with a known code, or keeps
// memory: 20,000 inputs each, of one seed; `npm run fuzz` is a million of any. And that whoever is wrong is
// found.
import t from 'tap';
import type { ErrorCode } from '../../src/core/errors.js';
import type { FuzzParser } from '../support/fuzz/fuzz-parser.js';
import { PARSERS } from '../support/fuzz/fuzz-parsers.js';
import { FuzzInputs, fuzz, GROWN_BYTES_MAX } from '../support/fuzz/fuzz-run.js';

const SHORT = { seed: 20_261_127, inputs: 20_000 };
/** Of each parser some inputs come through, and some are refused for more than their form. */
const TAKEN_MIN = 0.02;
const CODES_MIN = 5;

for (const [name, open] of Object.entries(PARSERS)) {
  t.test(name, async (t) => {
    const parser = open();
    t.teardown(() => parser.close?.());
    const result = await fuzz(parser, SHORT);
    t.same(result.findings, []);
    t.ok(result.grownBytes <= GROWN_BYTES_MAX, `${result.grownBytes} bytes kept`);
    t.ok(result.taken >= SHORT.inputs * TAKEN_MIN, `${result.taken} taken`);
    // Whatever is wrong with a key, it is told the same.
    const codesMin = name === 'API keys' || name === 'tokens' ? 1 : CODES_MIN;
    t.ok(result.refused.size >= codesMin, [...result.refused.keys()].join(', '));
  });
}

const HONEST: FuzzParser = {
  corpus: () => [Buffer.from('{"a":1}'), Buffer.from('[true]')],
  words: [Buffer.from('null')],
  take: () => [],
};

t.test('an error that is none of ours is found, and comes again by its number', async (t) => {
  const take = (input: Buffer): readonly ErrorCode[] => {
    if (input.includes('nu')) throw new TypeError('a bug');
    return [];
  };
  const parser = { ...HONEST, take };
  const { findings, found } = await fuzz(parser, { seed: 1, inputs: 2_000 });
  t.ok(found > findings.length && findings.length === 10);
  const [first] = findings;
  t.match(first?.what, /^TypeError: a bug\n/);
  t.equal(new FuzzInputs(parser, 1).input(first?.n ?? 0).toString('hex'), first?.input);
  t.not(new FuzzInputs(parser, 2).input(first?.n ?? 0).toString('hex'), first?.input);
});

t.test('a code that is not in the table is found, and so is a fault of ours', async (t) => {
  for (const code of ['no_such_code' as ErrorCode, 'internal'] as const) {
    const { found } = await fuzz({ ...HONEST, take: () => [code] }, { seed: 1, inputs: 10 });
    t.equal(found, 10);
  }
});

t.test('what keeps its inputs is found', async (t) => {
  const kept: Buffer[] = [];
  const take = (): readonly ErrorCode[] => {
    kept.push(Buffer.alloc(4_096));
    return [];
  };
  const { grownBytes } = await fuzz({ ...HONEST, take }, { seed: 1, inputs: 8_000 });
  t.ok(grownBytes > GROWN_BYTES_MAX, String(kept.length));
});
