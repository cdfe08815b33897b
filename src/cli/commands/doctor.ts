/** `conduit doctor`: what stands in the way, and what to do about it. */
import type { Check } from '../checks/check.js';
import { checkNode } from '../checks/running-node.js';
import {
  checkAddress,
  checkConfiguration,
  checkDatabase,
  checkRedis,
  checkVersions,
} from '../checks/surroundings.js';
import { command } from '../line/command.js';
import { targetOfAsked } from '../node/shown.js';
import { EXIT_DONE } from '../terminal/failure.js';
import { printable } from '../terminal/printable.js';
import type { Shell } from '../terminal/shell.js';

const NAME_CHARS = 20;

export const DOCTOR = command({
  name: 'doctor',
  takes: [],
  text: 'Looks for what stands in the way, and says what to do about it.',
  more:
    'By the environment of a node: its configuration, versions, PostgreSQL (settings, schema, privileges, connections, clock),\n' +
    'Redis, NODE_ADDR. By CONDUIT_URL: the node that runs, and one message through it, on a topic that is deleted again.\n' +
    'Ends with 1 when something failed; warnings are none.',
  example: 'DATABASE_URL=postgres://localhost/conduit conduit doctor',
  talksTo: 'node',
  options: {},
  run: async (asked) => {
    const { shell } = asked;
    targetOfAsked(asked);
    let failures = 0;
    for await (const check of checksOf(asked)) {
      if (check.state === 'failed') failures++;
      show(shell, check);
    }
    if (shell.mode === 'people') {
      shell.print(failures === 0 ? '\nnothing stands in the way' : `\n${failures} failed`);
    }
    return failures === 0 ? EXIT_DONE : 1;
  },
});

type DoctorAsked = Parameters<typeof targetOfAsked>[0];

/** Each as it is known. */
async function* checksOf(asked: DoctorAsked): AsyncGenerator<Check> {
  const { config, checks } = checkConfiguration(asked.shell);
  yield* checks;
  yield await checkVersions(asked.shell);
  if (config !== null) {
    yield* await checkDatabase(config);
    yield await checkRedis(config);
    yield await checkAddress(asked.shell, config);
  }
  yield* await checkNode(asked);
}

function show(shell: Shell, { check, state, detail, advice }: Check): void {
  if (shell.mode === 'json') {
    shell.printJson(JSON.stringify({ check, state, detail, advice }));
    return;
  }
  shell.print(`${state.padEnd(8)} ${check.padEnd(NAME_CHARS)} ${printable(detail)}`);
  if (advice !== null) shell.print(`${' '.repeat(9 + NAME_CHARS)} -> ${printable(advice)}`);
}
