/**
 * A hot standby of a test's server that says which snapshots its queries hold. Made of a copy of its files,
 * since the embedded PostgreSQL brings no pg_basebackup; follows it by streaming.
 */
import { spawnSync } from 'node:child_process';
import { appendFileSync, chownSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { startPostgres, type TestPostgres } from '../../../native-bench/rig/postgres.js';

const FEEDBACK = {
  hot_standby_feedback: 'on',
  wal_receiver_status_interval: '1s',
  // At least what the primary has.
  max_prepared_transactions: '2',
};

/** `slot`: of the primary, which keeps its feedback while it is away; null: none. */
export function startStandby(primary: TestPostgres, slot: string | null): Promise<TestPostgres> {
  const fill = async (dataDir: string): Promise<void> => {
    const client = new pg.Client({ connectionString: primary.url });
    await client.connect();
    if (slot !== null) await client.query('SELECT pg_create_physical_replication_slot($1)', [slot]);
    const label = await copyFiles(client, primary.dataDir, dataDir);
    await client.end();
    rmSync(path.join(dataDir, 'postmaster.pid'), { force: true });
    const { uid, gid } = statSync(dataDir);
    for (const [name, text] of Object.entries({ backup_label: label, 'standby.signal': '' })) {
      const file = path.join(dataDir, name);
      writeFileSync(file, text);
      chownSync(file, uid, gid);
    }
    const from = `host=127.0.0.1 port=${primary.port} user=postgres application_name=the-standby`;
    const bySlot = slot === null ? '' : `primary_slot_name = '${slot}'\n`;
    const settings = `primary_conninfo = '${from}'\n${bySlot}`;
    appendFileSync(path.join(dataDir, 'postgresql.auto.conf'), settings);
  };
  return startPostgres(FEEDBACK, { fill });
}

/** What a start from the copy has to know. */
async function copyFiles(client: pg.Client, from: string, to: string): Promise<string> {
  const { rows } = await client.query("SELECT current_setting('server_version_num')::int AS v");
  const [begin, end] =
    rows[0].v >= 150_000
      ? ["pg_backup_start('a standby', true)", 'pg_backup_stop(false)']
      : ["pg_start_backup('a standby', true, false)", 'pg_stop_backup(false, false)'];
  await client.query(`SELECT ${begin}`);
  const copied = spawnSync('cp', ['-a', from, to], { encoding: 'utf8' });
  if (copied.status !== 0) throw new Error(`cp: ${copied.stderr}`);
  const { rows: ended } = await client.query<{ labelfile: string }>(`SELECT labelfile FROM ${end}`);
  return ended[0]?.labelfile ?? '';
}
