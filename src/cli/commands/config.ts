/** `conduit config`: every variable of a node with its value and where it comes from. */
import { effectiveRows, effectiveTable } from '../../config/effective.js';
import { heldMemoryTable, machineBytes } from '../../config/held-memory.js';
import { loadConfig } from '../../config/load-config.js';
import { command } from '../line/command.js';
import { EXIT_DONE } from '../terminal/failure.js';

export const CONFIG = command({
  name: 'config',
  takes: [],
  text: 'Prints every variable of a node with its value, where it comes from, and what it means.',
  example: 'WORKERS=4 conduit config',
  talksTo: 'database',
  options: {},
  run: async ({ shell }) => {
    const { config, warnings } = loadConfig(shell.env);
    if (shell.mode === 'json') {
      for (const row of effectiveRows(config, shell.env)) shell.printJson(JSON.stringify(row));
    } else {
      const { connectionsLine } = await import('../../log/postgres/session/connection-budget.js');
      shell.print(effectiveTable(config, shell.env));
      shell.print(`\n${heldMemoryTable(config, machineBytes())}`);
      shell.print(`\n${connectionsLine(config)}`);
    }
    for (const warning of warnings) shell.complain(warning);
    return EXIT_DONE;
  },
});
