/**
 * `npm run fuzz -- [--seed N] [--inputs N] [--parser NAME]... [--only N]`: every parser of what strangers
 * send over a million inputs each, by default. Prints a line a parser; what was found is printed with its
 * number, which `--only` makes again with the same seed. 1 is the exit code when something was found, or
 * memory grew.
 */
import { parseArgs } from 'node:util';
import { PARSERS } from './support/fuzz/fuzz-parsers.js';
import { FuzzInputs, type FuzzResult, fuzz, GROWN_BYTES_MAX } from './support/fuzz/fuzz-run.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
    inputs: { type: 'string', default: '1000000' },
    parser: { type: 'string', multiple: true, default: [] },
    only: { type: 'string' },
  },
});
const names = values.parser.length === 0 ? Object.keys(PARSERS) : values.parser;
const [seed, inputs, only] = [values.seed, values.inputs, values.only ?? '0'].map(Number);
const unknown = names.filter((name) => PARSERS[name] === undefined);
const isCount = (value: number | undefined): value is number =>
  Number.isSafeInteger(value) && (value ?? -1) >= 0;
if (unknown.length > 0 || !isCount(seed) || !isCount(inputs) || !isCount(only)) {
  const known = Object.keys(PARSERS).join('; ');
  say(`--seed, --inputs and --only take numbers; --parser takes one of: ${known}`);
  process.exit(78);
}
say(`--seed ${seed}`);
for (const name of names) {
  if (values.only === undefined) await run(name, { seed, inputs });
  else await showOne(name, seed, only);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function run(name: string, options: { seed: number; inputs: number }): Promise<void> {
  const parser = PARSERS[name]?.();
  if (parser === undefined) return;
  const result = await fuzz(parser, options);
  parser.close?.();
  say(lineOf(name, result));
  for (const { n, input, what } of result.findings) say(`  --only ${n}: ${input}\n    ${what}`);
  if (result.found > 0 || result.grownBytes > GROWN_BYTES_MAX) process.exitCode = 1;
}

/** What one input is, and what becomes of it. */
async function showOne(name: string, ofSeed: number, n: number): Promise<void> {
  const parser = PARSERS[name]?.();
  if (parser === undefined) return;
  const input = new FuzzInputs(parser, ofSeed).input(n);
  say(`${name}, ${n}: ${input.toString('hex')}\n${JSON.stringify(input.toString('latin1'))}`);
  const codes = await parser.take(input);
  parser.close?.();
  say(codes.length === 0 ? 'taken' : `refused: ${codes.join(', ')}`);
}

function lineOf(name: string, result: FuzzResult): string {
  const { inputs: count, taken, refused, found, grownBytes, ms, slowestMs } = result;
  const codes = [...refused].sort(([, a], [, b]) => b - a).map(([code, n]) => `${code} ${n}`);
  return (
    `${name}: ${count} inputs in ${(ms / 1_000).toFixed(1)} s, the slowest ${slowestMs.toFixed(1)} ms; ` +
    `${taken} taken, ${found} wrong, ${Math.round(grownBytes / 1024)} KiB kept; ${codes.join(', ')}`
  );
}
