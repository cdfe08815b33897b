// Goal: a name that was meant to be ours is told, with the one that was meant where that is plain; what
// other programs and platforms put into an environment is not.
import t from 'tap';
import { loadConfig } from '../../../src/config/load-config.js';
import { editDistance } from '../../../src/config/near-miss.js';

function warnings(name: string, value = 'x'): string[] {
  return loadConfig({ [name]: value }).warnings;
}

t.test('a near miss is told with the name that was meant', async (t) => {
  const misses: [name: string, meant: string][] = [
    ['PROT', 'PORT'],
    ['POTR', 'PORT'],
    ['OPRT', 'PORT'],
    ['HSOT', 'HOST'],
    ['DATABSE_URL', 'DATABASE_URL'],
    ['DATABASE_ULR', 'DATABASE_URL'],
    ['DATABASE_URI', 'DATABASE_URL'],
    ['DATABASE-URL', 'DATABASE_URL'],
    ['DATABASEURL', 'DATABASE_URL'],
    ['database_url', 'DATABASE_URL'],
    ['REDIS_URI', 'REDIS_URL'],
    ['WORKER', 'WORKERS'],
    ['WROKERS', 'WORKERS'],
    ['CORS_ORIGINS', 'CORS_ORIGIN'],
    ['PAYLOAD_BYTE_MAX', 'PAYLOAD_BYTES_MAX'],
    ['PING_INTERVAL_MS', 'PING_INTERVAL_S'],
    ['SHUTDOWN_TIMEOUT', 'SHUTDOWN_TIMEOUT_MS'],
    ['LOGLEVEL', 'LOG_LEVEL'],
    ['CONDUIT_PORT', 'PORT'],
    ['CONDUIT_PROT', 'PORT'],
    ['CONDUIT_DATABASE', 'DATABASE_URL'],
    ['CONDUIT_DATABASE_URL', 'DATABASE_URL'],
    ['CONDUIT_DATADIR', 'CONDUIT_DATA_DIR'],
  ];
  for (const [name, meant] of misses) {
    const found = warnings(name);
    t.equal(found.length, 1, name);
    t.match(found[0], new RegExp(`^${name} .*\\b${meant}\\b`));
  }
});

t.test('a name with our prefix that is near nothing is told without a guess', async (t) => {
  for (const name of ['CONDUIT_FOO', 'CONDUIT_X', 'CONDUIT_', 'CONDUIT_FEATURE_FLAGS']) {
    t.same(warnings(name), [`${name} is not known; conduit config lists the variables that are`]);
  }
});

/** As they are in shells, containers, service managers and continuous integration. */
const OTHERS = `HOME PATH POST SORT PORTS PORT0 PORT1 HOSTS HOSTNAME HOSTTYPE HOST_IP MY_HOST PGHOST PGPORT
  PGUSER NODE_ENV NODE_OPTIONS NODE_PATH NODE_IP NODE_NAME NODE_HOST NODE_VERSION LANG USER SHELL TERM
  LOGNAME LOG_FILE LOGS_DIRECTORY WORKER_ID WORK WORKSPACE DATABASE DATABASE_SSL DATABASE_USER
  DATABASE_HOST DATABASE_NAME REDIS_HOST REDIS_PORT REDIS_TLS_URL DB_URL APP_PORT HTTP_PORT SSH_PORT
  API_KEY ADMIN_KEY INTERNAL_IP SECRET CI TZ EDITOR PAGER MAIL LESS LS_COLORS XDG_DATA_DIRS DATA_DIR
  INVOCATION_ID JOURNAL_STREAM KUBERNETES_PORT KUBERNETES_SERVICE_HOST npm_config_cache npm_lifecycle_event
  CONDUIT_SERVICE_HOST CONDUIT_SERVICE_PORT CONDUIT_SERVICE_PORT_HTTP CONDUIT_PORT_8080_TCP
  CONDUIT_PORT_8080_TCP_ADDR CONDUIT_PORT_8080_TCP_PORT CONDUIT_PORT_8080_TCP_PROTO
  CONDUIT_URL CONDUIT_API_KEY CONDUIT_CONTEXT CONDUIT_URL_PROD CONDUIT_API_KEY_EU_WEST`;

t.test("other programs' variables are not ours to judge", async (t) => {
  for (const name of OTHERS.trim().split(/\s+/)) t.same(warnings(name), [], name);
  t.same(warnings('CONDUIT_PORT', 'tcp://10.0.0.1:8080'), [], 'a service called conduit');
});

t.test('the distance is the number of letters to change, add, drop or swap', async (t) => {
  t.equal(editDistance('PORT', 'PORT'), 0);
  t.equal(editDistance('PORT', 'PROT'), 1);
  t.equal(editDistance('', 'PORT'), 4);
  t.equal(editDistance('WORKER', 'WORKERS'), 1);
  t.equal(editDistance('FOO', 'PORT'), 3);
});
