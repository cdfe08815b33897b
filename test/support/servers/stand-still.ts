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
  // Not by a lock: who waits for one gives up after a while.
  await client.query(`CREATE TABLE IF NOT EXISTS public.standing (still boolean);
    INSERT INTO public.standing VALUES (true);
    CREATE OR REPLACE FUNCTION public.stand_still() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      WHILE EXISTS (SELECT FROM public.standing) LOOP PERFORM pg_sleep(0.1); END LOOP;
      RETURN NEW;
    END $$`);
  await client.query(
    `CREATE TRIGGER stands_still ${trigger} EXECUTE FUNCTION public.stand_still()`,
  );
  const waiting = new Set<number>();
  const clear = async (): Promise<void> => {
    await client.query('DELETE FROM public.standing');
    await client.query(`DROP TRIGGER stands_still ON ${table}`);
  };
  return {
    reached: async () => {
      const { rows } = await client.query<{ pid: number }>(`SELECT pid FROM pg_stat_activity
        WHERE application_name = 'conduit-move' AND datname = current_database()
          AND wait_event = 'PgSleep'`);
      for (const { pid } of rows) waiting.add(pid);
      return rows.length > 0;
    },
    goOn: clear,
    end: async () => {
      await client.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS u (pid)', [
        [...waiting],
      ]);
      await clear();
    },
  };
}
