/** `conduit version`. */
import { command } from '../line/command.js';
import { EXIT_DONE } from '../terminal/failure.js';

export const VERSION = command({
  name: 'version',
  takes: [],
  text: 'Prints the version.',
  example: 'conduit version --json',
  talksTo: 'nothing',
  options: {},
  run: async ({ shell }) => {
    const { version } = shell;
    const node = process.version;
    if (shell.mode === 'json') shell.printJson(JSON.stringify({ version, node }));
    else shell.print(version);
    return EXIT_DONE;
  },
});
