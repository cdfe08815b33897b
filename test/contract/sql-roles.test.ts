// Goal: conduit.publish publishes for the tenant of the role that has logged in, whatever that role tries;
// and who may call it can do nothing else in the schema. Method: roles with no right but the two that the
// README gives, on sessions of their own.
import pg from 'pg';
import t, { type Test } from 'tap';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { BURY_TENANT_SQL, PURGE_TENANTS_SQL } from '../../src/tenant/key-rows.js';

const PUBLISH = 'conduit.publish(text, json, text, jsonb, text, timestamptz, interval, text)';
const TENANTS = ['acme', 'globex', 'passing'];
const DENIED = { code: '42501' };

const server = await startPostgres();
await migrate(server.url);
const admin = new pg.Client({ connectionString: server.url });
await admin.connect();
t.teardown(async () => {
  await admin.end();
  await server.stop();
});

/** A role that logs in, with the rights of an application. */
async function makeRole(role: string, row: { tenant: string | null; names?: boolean } | null) {
  await admin.query(`CREATE ROLE ${role} LOGIN; GRANT USAGE ON SCHEMA conduit TO ${role};
    GRANT EXECUTE ON FUNCTION ${PUBLISH} TO ${role}`);
  if (row === null) return;
  const values = [role, row.tenant, row.names ?? false];
  await admin.query('INSERT INTO conduit.role_tenants VALUES ($1, $2, $3)', values);
}

async function addTenant(name: string): Promise<void> {
  await admin.query('INSERT INTO conduit.tenants (name) VALUES ($1)', [name]);
}

async function addTopic(tenant: string): Promise<void> {
  await admin.query(
    `INSERT INTO conduit.topics (tenant_id, name)
     SELECT id, 'orders' FROM conduit.tenants WHERE name = $1`,
    [tenant],
  );
}

async function as(t: Test, role: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: `postgres://${role}@127.0.0.1:${server.port}/postgres`,
  });
  await client.connect();
  t.teardown(() => client.end());
  return client;
}

/** Whose topic a call published to, as the outbox has it. */
async function landed(client: pg.Client, args: string): Promise<string | undefined> {
  const made = await client.query<{ id: string }>(`SELECT conduit.publish(${args}) AS id`);
  const { rows } = await admin.query<{ name: string }>(
    `SELECT n.name FROM conduit.outbox o JOIN conduit.tenants n ON n.id = o.tenant_id
     JOIN conduit.topics t ON t.id = o.topic_id AND t.tenant_id = o.tenant_id WHERE o.id = $1`,
    [made.rows[0]?.id],
  );
  return rows[0]?.name;
}

for (const tenant of TENANTS) await addTenant(tenant);
for (const tenant of ['default', ...TENANTS]) await addTopic(tenant);
await makeRole('plain', null);
await makeRole('shop', { tenant: 'acme' });
await makeRole('gateway', { tenant: 'globex', names: true });
await makeRole('homeless', { tenant: null });
await makeRole('homeless_gateway', { tenant: null, names: true });
await makeRole('leaver', { tenant: 'passing' });
await admin.query('CREATE ROLE stranger LOGIN; GRANT USAGE ON SCHEMA conduit TO stranger');

/** A payload of each type that there is a function for. */
const PAYLOADS = [`'1'`, `'1'::json`, `'1'::jsonb`, `'1'::text`];

t.test('a role publishes for its tenant, one without a row for `default`', async (t) => {
  const owners = { plain: 'default', shop: 'acme', gateway: 'globex' };
  for (const [role, tenant] of Object.entries(owners)) {
    const client = await as(t, role);
    for (const payload of PAYLOADS) {
      t.equal(await landed(client, `'orders', ${payload}`), tenant, `${role} ${payload}`);
      const named = `'orders', ${payload}, tenant => '${tenant}'`;
      t.equal(await landed(client, named), tenant, `${role} names its own, ${payload}`);
    }
  }
});

t.test('another tenant may be named where the row says so, and nowhere else', async (t) => {
  const gateway = await as(t, 'gateway');
  for (const [role, own] of [
    ['plain', 'default'],
    ['shop', 'acme'],
  ] as const) {
    const client = await as(t, role);
    for (const tenant of ['default', ...TENANTS, 'not.there', ''].filter((name) => name !== own)) {
      for (const payload of PAYLOADS) {
        const named = `'orders', ${payload}, tenant => '${tenant}'`;
        const refused = { ...DENIED, message: new RegExp(`role ${role} may name no tenant but`) };
        await t.rejects(landed(client, named), refused, `${role} ${named}`);
      }
    }
  }
  for (const payload of PAYLOADS) {
    for (const tenant of ['default', ...TENANTS]) {
      const named = `'orders', ${payload}, tenant => '${tenant}'`;
      t.equal(await landed(gateway, named), tenant);
    }
    const none = `'orders', ${payload}, tenant => 'not.there'`;
    await t.rejects(landed(gateway, none), { code: 'P0002', message: /topic not found/ });
  }
});

t.test('a role whose row has no tenant publishes for none by itself', async (t) => {
  const refused = { ...DENIED, message: /the role homeless\w* has no tenant/ };
  const homeless = await as(t, 'homeless');
  await t.rejects(landed(homeless, `'orders', '1'`), refused);
  await t.rejects(landed(homeless, `'orders', '1', tenant => 'default'`), DENIED);
  const client = await as(t, 'homeless_gateway');
  await t.rejects(landed(client, `'orders', '1'`), refused);
  t.equal(await landed(client, `'orders', '1', tenant => 'acme'`), 'acme');
});

t.test('what counts is who has logged in', async (t) => {
  const shop = await as(t, 'shop');
  await admin.query('GRANT gateway TO shop');
  await shop.query('SET ROLE gateway');
  t.equal(await landed(shop, `'orders', '1'`), 'acme', 'not the role of SET ROLE');
  await t.rejects(landed(shop, `'orders', '1', tenant => 'globex'`), DENIED);
  await shop.query('RESET ROLE');
  await admin.query('REVOKE gateway FROM shop');
  await admin.query(`GRANT CREATE ON DATABASE postgres TO gateway`);
  const gateway = await as(t, 'gateway');
  await gateway.query(`CREATE SCHEMA lent; GRANT USAGE ON SCHEMA lent TO shop, stranger;
    CREATE FUNCTION lent.publish(tenant text) RETURNS bigint LANGUAGE sql SECURITY DEFINER AS
    $$ SELECT conduit.publish('orders', '1', tenant => tenant) $$`);
  const lent = (tenant: string): string => `SELECT lent.publish(${tenant})`;
  await t.rejects(shop.query(lent(`'globex'`)), DENIED, 'nor the owner of a function');
  await shop.query(lent(`NULL`));
  const { rows } = await admin.query(`SELECT n.name FROM conduit.outbox o
    JOIN conduit.tenants n ON n.id = o.tenant_id ORDER BY o.id DESC LIMIT 1`);
  t.same(rows, [{ name: 'acme' }]);
  const stranger = await as(t, 'stranger');
  await stranger.query(lent(`NULL`));
  await t.rejects(stranger.query(lent(`'acme'`)), DENIED);
  for (const other of ['gateway', 'postgres']) {
    await t.rejects(shop.query(`SET SESSION AUTHORIZATION ${other}`), DENIED);
    const set = `SELECT set_config('session_authorization', '${other}', false)`;
    await t.rejects(shop.query(set), DENIED);
  }
});

t.test('a role of a tenant that was deleted publishes for nobody', async (t) => {
  const client = await as(t, 'leaver');
  t.equal(await landed(client, `'orders', '1'`), 'passing');
  const { rows } = await admin.query<{ id: string }>(
    `SELECT id FROM conduit.tenants WHERE name = 'passing'`,
  );
  await admin.query(`UPDATE conduit.topics SET deleted_at = clock_timestamp()
    WHERE tenant_id = ${rows[0]?.id}`);
  // A node's role, which the table of roles gives nothing.
  await admin.query(`CREATE ROLE node LOGIN; GRANT USAGE ON SCHEMA conduit TO node;
    GRANT SELECT, UPDATE, DELETE ON conduit.tenants, conduit.topics TO node`);
  const node = await as(t, 'node');
  await node.query(BURY_TENANT_SQL, [rows[0]?.id]);
  const refused = { ...DENIED, message: /the role leaver has no tenant/ };
  await t.rejects(landed(client, `'orders', '1'`), refused);
  await addTenant('passing');
  await addTopic('passing');
  await t.rejects(
    landed(client, `'orders', '1'`),
    refused,
    'the name is that of somebody else now',
  );
  await t.rejects(landed(client, `'orders', '1', tenant => 'passing'`), DENIED);
  await admin.query(`DELETE FROM conduit.outbox; DELETE FROM conduit.topics WHERE deleted_at IS NOT NULL;
    UPDATE conduit.tenants SET deleted_at = deleted_at - interval '2 days'`);
  await node.query(PURGE_TENANTS_SQL);
  const row = await admin.query(`SELECT tenant FROM conduit.role_tenants WHERE role = 'leaver'`);
  t.same(row.rows, [{ tenant: null }], 'its row stays when that of the tenant goes');
  await t.rejects(
    landed(client, `'orders', '1'`),
    refused,
    'and it does not become the default one',
  );
});

t.test('a row is of a tenant that is there', async (t) => {
  const add = `INSERT INTO conduit.role_tenants (role, tenant) VALUES ('new', 'not.there')`;
  await t.rejects(admin.query(add), { code: '23503' });
});

t.test('EXECUTE is the gate', async (t) => {
  const stranger = await as(t, 'stranger');
  for (const payload of PAYLOADS) {
    const call = `SELECT conduit.publish('orders', ${payload})`;
    await t.rejects(stranger.query(call), DENIED, payload);
  }
});

t.test('who may publish can read, write, make and number nothing', async (t) => {
  const shop = await as(t, 'shop');
  const { rows } = await admin.query<{ name: string; kind: string; columns: string[] }>(
    `SELECT c.oid::regclass::text AS name, c.relkind::text AS kind, ARRAY(SELECT a.attname::text
       FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
     FROM pg_class c WHERE c.relnamespace = 'conduit'::regnamespace AND c.relkind IN ('r', 'p', 'S', 'v')`,
  );
  t.ok(rows.length > 15);
  for (const { name, kind, columns } of rows) {
    const tries =
      kind === 'S'
        ? [`SELECT nextval('${name}')`, `SELECT last_value FROM ${name}`]
        : [
            `SELECT count(*) FROM ${name}`,
            `INSERT INTO ${name} DEFAULT VALUES`,
            `UPDATE ${name} SET ${columns[0]} = DEFAULT`,
            `DELETE FROM ${name}`,
            `TRUNCATE ${name}`,
            `COPY ${name} FROM STDIN`,
          ];
    for (const statement of tries) await t.rejects(shop.query(statement), DENIED, statement);
  }
  for (const statement of [
    `INSERT INTO conduit.outbox (tenant_id, topic_id, payload, due_at) VALUES (1, 1, '1', now())`,
    `UPDATE conduit.role_tenants SET tenant = 'globex' WHERE role = 'shop'`,
    'CREATE TABLE conduit.mine ()',
    `CREATE FUNCTION conduit.publish(int) RETURNS int LANGUAGE sql AS 'SELECT 1'`,
  ]) {
    await t.rejects(shop.query(statement), DENIED, statement);
  }
});

t.test('it calls no other function that does anything', async (t) => {
  const { rows: functions } = await admin.query<{
    call: string;
    name: string;
    definer: boolean;
    may: boolean;
    path: string | null;
  }>(
    `SELECT p.proname AS name, p.prosecdef AS definer,
       has_function_privilege('stranger', p.oid, 'EXECUTE') AS may,
       (SELECT s FROM unnest(p.proconfig) s WHERE s LIKE 'search_path=%') AS path,
       format('SELECT %s(%s)', p.oid::regproc, (SELECT string_agg('NULL::' || format_type(a, NULL), ', '
         ORDER BY n) FROM unnest(p.proargtypes) WITH ORDINALITY AS t (a, n))) AS call
     FROM pg_proc p WHERE p.pronamespace = 'conduit'::regnamespace
       AND p.prorettype <> 'trigger'::regtype`,
  );
  const definers = functions.filter(({ definer }) => definer);
  t.ok(definers.some(({ name }) => name === 'publish'));
  for (const { name, may, path } of definers) {
    t.equal(may, false, `${name} runs as its owner, so not everybody may call it`);
    t.equal(path, 'search_path=pg_catalog, pg_temp', name);
  }
  const shop = await as(t, 'shop');
  const harmless = new Set([
    ...['fingerprint', 'same_json', 'same_headers'],
    ...['leaf_of', 'head_before', 'publish'],
  ]);
  const answered: string[] = [];
  for (const { name, call } of functions) {
    if (harmless.has(name)) continue;
    await shop.query(call).then(
      () => answered.push(call),
      (error: { code?: string }) => t.equal(error.code, '42501', call),
    );
  }
  t.same(answered, [], 'all others are refused, or end at the first table');
});

/** Of what the function's body calls; each would tell that it was called. */
const HIJACKED = `
  CREATE SCHEMA evil;
  CREATE FUNCTION evil.caught() RETURNS void LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'hijacked as %', current_user; END $$;
  ${[
    'octet_length(text) RETURNS int',
    'octet_length(bytea) RETURNS int',
    'btrim(text, text) RETURNS text',
    'convert_to(text, name) RETURNS bytea',
    'now() RETURNS timestamptz',
    'jsonb_typeof(jsonb) RETURNS text',
    'lower(text) RETURNS text',
    'current_setting(text, boolean) RETURNS text',
    'pg_notify(text, text) RETURNS void',
    'sha256(bytea) RETURNS bytea',
    'clock_timestamp() RETURNS timestamptz',
    'set_config(text, text, boolean) RETURNS text',
    'json_too_deep(text) RETURNS boolean',
    'same_text(text, text) RETURNS boolean',
    'same_name(name, name) RETURNS boolean',
    'same_number(bigint, bigint) RETURNS boolean',
    'as_json(jsonb) RETURNS json',
  ]
    .map(
      (head) => `CREATE FUNCTION evil.${head} LANGUAGE plpgsql AS
        $$ BEGIN PERFORM evil.caught(); END $$;`,
    )
    .join('\n')}
  CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.same_text);
  CREATE OPERATOR evil.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.same_text);
  CREATE OPERATOR evil.!~ (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.same_text);
  CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = name, FUNCTION = evil.same_name);
  CREATE OPERATOR evil.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = evil.same_number);
  CREATE TABLE evil.tenants (id bigint, name text, deleted_at timestamptz);
  CREATE TABLE evil.role_tenants (role name, tenant text, names_tenants boolean);
  INSERT INTO evil.role_tenants VALUES ('intruder', 'globex', true);
  CREATE DOMAIN evil.json AS text CHECK (false);
  CREATE DOMAIN evil.text AS pg_catalog.text CHECK (false);
  CREATE DOMAIN evil.bigint AS pg_catalog.int8 CHECK (false);`;

t.test("nothing of the caller's takes the place of what the function uses", async (t) => {
  await makeRole('intruder', { tenant: 'acme' });
  await admin.query('GRANT CREATE, TEMPORARY ON DATABASE postgres TO intruder');
  const intruder = await as(t, 'intruder');
  await intruder.query(HIJACKED);
  await intruder.query('GRANT USAGE ON SCHEMA evil TO gateway');
  await intruder.query('SET search_path = evil, pg_catalog');
  await t.rejects(intruder.query(`SELECT now()`), { message: /hijacked as intruder/ });
  const paths = ['evil, pg_catalog', 'evil, pg_temp, conduit', 'pg_temp, evil, pg_catalog', 'evil'];
  for (const table of ['tenants', 'topics', 'outbox', 'role_tenants', 'publish_dedupe']) {
    await admin.query(`GRANT SELECT ON conduit.${table} TO intruder`);
    await intruder.query(`CREATE TEMPORARY TABLE ${table} (LIKE conduit.${table})`);
    await admin.query(`REVOKE SELECT ON conduit.${table} FROM intruder`);
  }
  await intruder.query(
    `INSERT INTO pg_temp.role_tenants VALUES ('intruder', 'globex', true);
     SET standard_conforming_strings = off; SET bytea_output = 'escape'; SET timezone = 'Asia/Tokyo'`,
  );
  const gateway = await as(t, 'gateway');
  const options = `key => 'k', headers => '{"a": "b"}', ttl => '1 minute'`;
  for (const [n, path] of paths.entries()) {
    for (const client of [intruder, gateway]) {
      await client.query(`SET search_path = ${path}`);
      for (const [m, type] of ['json', 'jsonb', 'text'].entries()) {
        const key = `${client === gateway} ${n} ${m}`;
        const args = `'orders', '1'::pg_catalog.${type}, ${options}, dedupe_key => '${key}'`;
        const expected = client === gateway ? 'globex' : 'acme';
        t.equal(await landed(client, args), expected, `${path}: ${type}`);
        t.equal(await landed(client, args), expected, `${path}: ${type}, repeated`);
      }
    }
    await t.rejects(landed(intruder, `'orders', '1', tenant => 'globex'`), DENIED, path);
  }
});
