/** `conduit tenants grant-role`: whose messages a role of the database publishes, which only SQL can say. */
import { ConfigError, loadConfig } from '../../config/load-config.js';
import { command } from '../line/command.js';
import { showDone } from '../node/shown.js';
import { EXIT_DONE, wrongLine } from '../terminal/failure.js';

export const GRANT_ROLE = command({
  name: 'tenants grant-role',
  takes: ['ROLE', '[TENANT]'],
  text: 'Lets a role of the database publish from SQL for a tenant; asks DATABASE_URL, as its owner.',
  more: 'It needs EXECUTE on conduit.publish beside this: docs/operations.md, "Roles and tenants".',
  example: 'DATABASE_URL=postgres://... conduit tenants grant-role shop acme',
  talksTo: 'database',
  options: {
    namesTenants: { kind: 'flag', text: 'It may name another tenant in a call.' },
    remove: { kind: 'flag', text: 'It has none any more, and publishes for the default tenant.' },
  },
  run: async ({ args, options, shell }) => {
    const [role = '', tenant = null] = args;
    const { namesTenants, remove } = options;
    if ((tenant === null) !== remove) throw wrongLine('takes a TENANT, or --remove');
    const { databaseUrl, moreDatabaseUrls } = loadConfig(shell.env).config;
    if (databaseUrl === null) throw new ConfigError('DATABASE_URL: is unset; grant-role needs it');
    const { grantRole } = await import('../../supervisor/role-grant.js');
    await grantRole([databaseUrl, ...moreDatabaseUrls], { role, tenant, namesTenants });
    showDone(shell, tenant === null ? { removed: role } : { granted: role, tenant });
    return EXIT_DONE;
  },
});
