/** The effective configuration as a table, for `conduit config`. Secrets are never in it. */
import type { Config } from './config.js';
import type { Environment } from './environment.js';
import { LOCAL_DEFAULTS } from './local-defaults.js';
import { LIMIT_OPTIONS, OPTIONS, type Option } from './options.js';

/** Of one variable; `value` and all else as they are shown. */
export interface EffectiveRow {
  variable: string;
  value: string;
  source: string;
  meaning: string;
}

/** A row for each variable, as `serve` has it. */
export function effectiveRows(config: Config, env: Environment): EffectiveRow[] {
  return [
    ...entries(OPTIONS)
      .map(([key, option]) => row(option, config[key], env))
      .map((one) => counted(one, config)),
    ...entries(LIMIT_OPTIONS).map(([name, option]) => row(option, config.limits[name], env)),
  ];
}

/** One line for each variable: name, value, source, meaning, what it takes. */
export function effectiveTable(config: Config, env: Environment): string {
  const head = ['VARIABLE', 'VALUE', 'SOURCE', 'MEANING'];
  const rows = [
    head,
    ...effectiveRows(config, env).map((each) => Object.values<string>({ ...each })),
  ];
  const widths = [0, 1, 2].map((n) => Math.max(...rows.map((cells) => cells[n]?.length ?? 0)));
  return rows
    .map((cells) => cells.map((cell, n) => cell.padEnd(widths[n] ?? 0)).join('  '))
    .join('\n');
}

/** Of several databases it is said how many there are. */
function counted(row: EffectiveRow, { moreDatabaseUrls }: Config): EffectiveRow {
  if (row.variable !== OPTIONS.databaseUrl.env || moreDatabaseUrls.length === 0) return row;
  return { ...row, value: `(set: ${1 + moreDatabaseUrls.length} databases)` };
}

function row(option: Option<unknown>, value: unknown, env: Environment): EffectiveRow {
  const shown = value === null ? '-' : option.secret ? '(set)' : String(value);
  const local = LOCAL_DEFAULTS[option.env];
  const byDefault = local === undefined ? 'default' : `default (start: ${local})`;
  const source = env[option.env] === undefined ? byDefault : 'environment';
  const meaning = `${option.text} Takes ${option.takes}.`;
  return { variable: option.env, value: shown, source, meaning };
}

function entries<K extends string, V>(record: { readonly [P in K]: V }): [K, V][] {
  return Object.entries(record) as [K, V][];
}
