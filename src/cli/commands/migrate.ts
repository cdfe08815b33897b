/** `conduit migrate`: the schema of this version, or the SQL of it for whoever runs it by hand. */
import { ConfigError, loadConfig } from '../../config/load-config.js';
import { Patience } from '../../supervisor/patience.js';
import { command } from '../line/command.js';
import { EXIT_DONE } from '../terminal/failure.js';
import type { Shell } from '../terminal/shell.js';

export const MIGRATE = command({
  name: 'migrate',
  takes: [],
  text: "Brings the database of DATABASE_URL to this version's schema, and says what ran.",
  example: 'conduit migrate --print > pending.sql',
  talksTo: 'database',
  options: {
    print: { kind: 'flag', text: 'Only prints the SQL; without DATABASE_URL of the whole schema.' },
  },
  run: async ({ options, shell }) => {
    // The driver is loaded for whoever needs it: other commands answer sooner without.
    const { pendingSql, prepareDatabase } = await import('../../supervisor/database.js');
    const { databaseUrl, limits } = loadConfig(shell.env).config;
    const report = (line: string): void => shell.complain(line);
    const patience = new Patience({ waitMs: limits.startWaitMs, report });
    if (options.print) shell.print(await pendingSql(databaseUrl, patience));
    else {
      if (databaseUrl === null) throw new ConfigError('DATABASE_URL: is unset; migrate needs it');
      showApplied((await prepareDatabase(databaseUrl, patience)).applied, shell);
    }
    return EXIT_DONE;
  },
});

function showApplied(applied: readonly string[], shell: Shell): void {
  if (shell.mode === 'json') shell.printJson(JSON.stringify({ applied }));
  else if (applied.length === 0) shell.print('nothing to do: the schema is up to date');
  else for (const name of applied) shell.print(`applied ${name}`);
}
