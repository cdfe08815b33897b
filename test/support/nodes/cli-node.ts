/** The command line as somebody uses it who has a node: runs it, keeps which commands were run. */

import { type CommandPlace, type CommandResult, runCommand } from './command.js';
import type { KeyedNode } from './keyed-node.js';

export interface CliRun extends CommandResult {
  /** stdout as NDJSON. */
  rows: Record<string, unknown>[];
}

export class Cli {
  readonly #node: KeyedNode;
  readonly #key: string;
  /** First words of the lines that were run and did what they were asked for. */
  readonly done: string[] = [];

  constructor(node: KeyedNode, key: string) {
    this.#node = node;
    this.#key = key;
  }

  /** `key`: another API key. */
  async run(
    args: readonly string[],
    place: CommandPlace & { key?: string; env?: Record<string, string> } = {},
  ): Promise<CliRun> {
    const env = {
      CONDUIT_URL: this.#node.url,
      CONDUIT_API_KEY: place.key ?? this.#key,
      ...place.env,
    };
    const result = await runCommand(args, env, place);
    if (result.code === 0) this.done.push(args.join(' '));
    const lines = result.stdout.split('\n').filter((line) => line.startsWith('{'));
    const rows = args.includes('--json') ? lines.map((line) => JSON.parse(line)) : [];
    return { ...result, rows };
  }

  /** With --json; throws what it said when it did not end with 0. */
  async rows(
    args: readonly string[],
    place: CommandPlace & { key?: string } = {},
  ): Promise<Record<string, unknown>[]> {
    const { code, rows, stderr } = await this.run([...args, '--json'], place);
    if (code !== 0) throw new Error(`conduit ${args.join(' ')}: ${code}: ${stderr}`);
    return rows;
  }

  /** Of a command that shows one object. */
  async row(
    args: readonly string[],
    place: CommandPlace & { key?: string } = {},
  ): Promise<Record<string, unknown>> {
    const rows = await this.rows(args, place);
    const [row] = rows;
    if (row === undefined || rows.length > 1)
      throw new Error(`conduit ${args.join(' ')}: ${rows.length} rows`);
    return row;
  }
}
