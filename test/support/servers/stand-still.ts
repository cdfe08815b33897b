/** Stops a session of a move where it does something to a table, in one of its databases, for a while. */
import pg from 'pg';

export interface StandStill {
  /** One has come there, and waits. */
  reached(): Promise<boolean>;
  /** It goes on, as do all who come now. */
  goOn(): Promise<void>;
  /** Its session ends; all who come now go on. */
  end(): Promise<void>;
}

const LOCK = 0x57a9d;

/** `trigger`: when and of which table, as `BEFORE INSERT ON conduit.messages FOR EACH ROW`. */
export async function standStill(
  t: { teardown(end: () => unknown): void },
  databaseUrl: string,
  trigger: string,
): Promise<StandStill> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  t.teardown(() => client.end());
  const table = /ON (conduit\.\w+)/.exec(trigger)?.[1];
  await client.query(`CREATE OR REPLACE FUNCTION public.stand_still() RETURNS trigger
    LANGUAGE plpgsql AS $$ BEGIN
      PERFORM pg_advisory_xact_lock_shared(${LOCK}); RETURN NEW;
    END $$`);
  await client.query(`SELECT pg_advisory_lock(${LOCK})`);
  await client.query(
    `CREATE TRIGGER stands_still ${trigger} EXECUTE FUNCTION public.stand_still()`,
  );
  const waiting = `FROM pg_stat_activity WHERE application_name = 'conduit-move'
    AND datname = current_database() AND wait_event = 'advisory'`;
  const open = async (): Promise<void> => {
    await client.query(`SELECT pg_advisory_unlock(${LOCK})`);
  };
  // Who waits holds the table: the trigger can go once he has gone on.
  const clear = () => client.query(`DROP TRIGGER stands_still ON ${table}`);
  return {
    reached: async () => (await client.query(`SELECT ${waiting}`)).rowCount === 1,
    goOn: async () => {
      await open();
      await clear();
    },
    end: async () => {
      await client.query(`SELECT pg_terminate_backend(pid) ${waiting}`);
      await open();
      await clear();
    },
  };
}
