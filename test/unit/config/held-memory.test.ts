// Goal: what sessions can make a node hold is worked out from what is configured, printed, and told at
// the start where it is more than the machine has to spare.
import t from 'tap';
import { heldMemoryTable, heldMemoryWarnings } from '../../../src/config/held-memory.js';
import { loadConfig } from '../../../src/config/load-config.js';

const GIB = 1_024 ** 3;
const LIMITS = {
  SESSIONS_MAX: '1024',
  WS_MESSAGE_BYTES_MAX: String(1024 * 1024),
  SEND_BUFFER_BYTES_MAX: String(512 * 1024),
};

t.test('the table has both figures, with where they come from', async (t) => {
  const table = heldMemoryTable(loadConfig(LIMITS).config, 8 * GIB);
  t.match(table, /this machine has 8\.0 GiB/);
  t.match(table, / 2\.0 GiB {2}2 x SESSIONS_MAX x WS_MESSAGE_BYTES_MAX$/m);
  t.match(table, / 1\.0 GiB {2}2 x SESSIONS_MAX x SEND_BUFFER_BYTES_MAX$/m);
});

const CASES: readonly [string, Record<string, string>, machine: number, warned: boolean][] = [
  ['more than half of the machine', LIMITS, 5.9, true],
  ['half of it', LIMITS, 6, false],
  ['the defaults on a small machine', {}, 24, true],
  ['only this machine connects', { ...LIMITS, HOST: '127.0.0.1' }, 1, false],
];

for (const [what, env, machine, warned] of CASES) {
  t.test(`${what}: ${warned ? 'a' : 'no'} warning`, async (t) => {
    const lines = heldMemoryWarnings(loadConfig(env).config, machine * GIB);
    t.equal(lines.length, warned ? 1 : 0);
    if (warned) t.match(lines[0], /^SESSIONS_MAX: .*WS_MESSAGE_BYTES_MAX/);
  });
}
