/**
 * `conduit start`: a durable node, on an embedded PostgreSQL unless DATABASE_URL names another, and for this
 * machine unless HOST says otherwise.
 */
import { loadConfig } from '../../config/load-config.js';
import { withLocalDefaults } from '../../config/local-defaults.js';
import { command } from '../line/command.js';

export const START = command({
  name: 'start',
  takes: [],
  text: 'Runs a durable node, on an embedded PostgreSQL when DATABASE_URL is unset.',
  more: 'Its data is in CONDUIT_DATA_DIR; it listens for this machine alone unless HOST says otherwise.',
  example: 'conduit start',
  talksTo: 'database',
  options: {},
  run: async ({ shell }) => {
    shell.outliveReader();
    const { env, version, output, packageFolder } = shell;
    const loaded = loadConfig(withLocalDefaults(env));
    const embeddedIn = loaded.config.databaseUrl === null ? packageFolder : null;
    const { runNode } = await import('../../main.js');
    return runNode({
      ...{ ...loaded, version, output, embeddedIn },
      print: (text) => shell.print(text),
      complain: (line) => shell.complain(line),
    });
  },
});
