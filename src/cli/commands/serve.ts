/** `conduit serve`: a node exactly as the environment says. */
import { loadConfig } from '../../config/load-config.js';
import { command } from '../line/command.js';

export const SERVE = command({
  name: 'serve',
  takes: [],
  text: 'Runs a node as the environment says; without DATABASE_URL in memory.',
  more: 'conduit config lists what it reads. SIGTERM ends it in order.',
  example: 'DATABASE_URL=postgres://localhost/conduit conduit serve',
  talksTo: 'database',
  options: {},
  run: async ({ shell }) => {
    shell.outliveReader();
    const { env, version, output } = shell;
    const loaded = loadConfig(env);
    const { runNode } = await import('../../main.js');
    return runNode({
      ...{ ...loaded, version, output, embeddedIn: null },
      print: (text) => shell.print(text),
      complain: (line) => shell.complain(line),
    });
  },
});
