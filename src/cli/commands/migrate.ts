/** `conduit migrate`: the schema of this version, or the SQL of it for whoever runs it by hand. */
import { ConfigError, loadConfig } from '../../config/load-config.js';
import { Patience } from '../../supervisor/patience.js';
import { command } from '../line/command.js';
import { EXIT_DONE } from '../terminal/failure.js';
import type { Shell } from '../terminal/shell.js';

export const MIGRATE = command({
  name: 'migrate',
  takes: [],
  text: "Brings the databases of DATABASE_URL to this version's schema, and says what ran.",
  example: 'conduit migrate --print > pending.sql',
  talksTo: 'database',
  options: {
    print: { kind: 'flag', text: 'Only prints the SQL; without DATABASE_URL of the whole schema.' },
  },
  run: async ({ options, shell }) => {
    // The driver is loaded for whoever needs it: other commands answer sooner without.
    const { pendingSql } = await import('../../supervisor/database.js');
    const { databaseUrl, moreDatabaseUrls, limits } = loadConfig(shell.env).config;
    const report = (line: string): void => shell.complain(line);
    const patience = new Patience({ waitMs: limits.startWaitMs, report });
    if (options.print) {
      shell.print(await pendingSql(databaseUrl, patience));
      for (const [n, url] of moreDatabaseUrls.entries()) {
        shell.print(`-- Database ${n + 2} of DATABASE_URL.\n${await pendingSql(url, patience)}`);
      }
      return EXIT_DONE;
    }
    if (databaseUrl === null) throw new ConfigError('DATABASE_URL: is unset; migrate needs it');
    const { prepareDatabases } = await import('../../supervisor/databases.js');
    const done: Done[] = [];
    const urls = [databaseUrl, ...moreDatabaseUrls];
    const onDone = (_line: string, of: Done): void => {
      done.push(of);
    };
    await prepareDatabases({ urls, patience, onDone, onAway: report }, 'awaited');
    showDone(done, shell);
    return EXIT_DONE;
  },
});

/** A migration that ran, or without a name a database that was added. */
interface Done {
  name?: string;
  /** Of several, but the first. */
  database?: number;
}

function showDone(done: readonly Done[], shell: Shell): void {
  const lines = done.map(({ name, database }) => {
    const where = database === undefined ? '' : ` in database ${database}`;
    return name === undefined ? `added database ${database}` : `applied ${name}${where}`;
  });
  const applied = done.flatMap(({ name, database }) =>
    name === undefined ? [] : database === undefined ? name : `${name} (database ${database})`,
  );
  const added = done.flatMap(({ name, database }) =>
    name === undefined && database !== undefined ? [database] : [],
  );
  if (shell.mode === 'json') {
    shell.printJson(JSON.stringify({ applied, ...(added.length === 0 ? {} : { added }) }));
  } else if (lines.length === 0) shell.print('nothing to do: the schema is up to date');
  else for (const line of lines) shell.print(line);
}
