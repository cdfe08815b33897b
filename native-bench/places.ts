/** Where contenders run: each start gets an empty folder and an empty database of the run's PostgreSQL. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import type { Place } from './contender.js';
import { startPostgres, type TestPostgres } from './rig/postgres.js';
import { oneLine } from './sample.js';

/** Every contender that needs PostgreSQL has this one; the same for all, so ratios hold. */
export const POSTGRES_SETTINGS = {
  shared_buffers: '512MB',
  max_wal_size: '8GB',
  max_connections: '300',
} as const;

export interface OpenPlace extends Place {
  close(): Promise<void>;
}

export class Places {
  readonly #postgres: TestPostgres | null;
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'conduit-bench-'));
  #opened = 0;
  /** Why there is no PostgreSQL, in one line; null when there is one. */
  readonly trouble: string | null;

  private constructor(postgres: TestPostgres | null, trouble: string | null) {
    this.#postgres = postgres;
    this.trouble = trouble;
    chmodSync(this.#folder, 0o755);
  }

  /** Without PostgreSQL what needs none can still run. `bin`: of its programs; null: the embedded ones. */
  static async open(bin: string | null = null): Promise<Places> {
    try {
      return new Places(await startPostgres(POSTGRES_SETTINGS, { programs: bin }), null);
    } catch (error) {
      return new Places(null, oneLine(error instanceof Error ? error.message : String(error)));
    }
  }

  /** `15.4`; null without one. */
  async postgresVersion(): Promise<string | null> {
    if (this.#postgres === null) return null;
    return this.#query<string>('SHOW server_version', 'server_version');
  }

  /** After a checkpoint, so that no run pays for the one before it. */
  async next(): Promise<OpenPlace> {
    const name = `bench_${++this.#opened}`;
    const folder = path.join(this.#folder, name);
    const made = mkdtempSync(`${folder}-`);
    chmodSync(made, 0o777);
    if (this.#postgres === null) {
      const close = async (): Promise<void> => rmSync(made, { recursive: true, force: true });
      return { folder: made, postgresUrl: null, postgresPid: null, close };
    }
    await this.#query('CHECKPOINT');
    await this.#query(`CREATE DATABASE ${name}`);
    const url = new URL(this.#postgres.url);
    url.pathname = `/${name}`;
    return {
      folder: made,
      postgresUrl: url.href,
      postgresPid: this.#postgres.pid,
      close: async () => {
        rmSync(made, { recursive: true, force: true });
        await this.#query(`DROP DATABASE ${name} WITH (FORCE)`);
      },
    };
  }

  async close(): Promise<void> {
    await this.#postgres?.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #query<T>(text: string, column = ''): Promise<T | null> {
    const client = new pg.Client({ connectionString: this.#postgres?.url });
    await client.connect();
    try {
      const { rows } = await client.query<Record<string, T>>(text);
      return rows[0]?.[column] ?? null;
    } finally {
      await client.end();
    }
  }
}
