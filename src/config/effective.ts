/** The effective configuration as a table, for `conduit config`. Secrets are never in it. */
import type { Config } from './config.js';
import type { Environment } from './environment.js';
import { LOCAL_DEFAULTS } from './local-defaults.js';
import { LIMIT_OPTIONS, OPTIONS, type Option } from './options.js';

/** One line for each variable, as `serve` has it: name, value, source, meaning, what it takes. */
export function effectiveTable(config: Config, env: Environment): string {
  const rows = [
    ['VARIABLE', 'VALUE', 'SOURCE', 'MEANING'],
    ...entries(OPTIONS).map(([key, option]) => row(option, config[key], env)),
    ...entries(LIMIT_OPTIONS).map(([name, option]) => row(option, config.limits[name], env)),
  ];
  const widths = [0, 1, 2].map((n) => Math.max(...rows.map((cells) => cells[n]?.length ?? 0)));
  return rows
    .map((cells) => cells.map((cell, n) => cell.padEnd(widths[n] ?? 0)).join('  '))
    .join('\n');
}

function row(option: Option<unknown>, value: unknown, env: Environment): string[] {
  const shown = value === null ? '-' : option.secret ? '(set)' : String(value);
  const local = LOCAL_DEFAULTS[option.env];
  const byDefault = local === undefined ? 'default' : `default (start: ${local})`;
  const source = env[option.env] === undefined ? byDefault : 'environment';
  return [option.env, shown, source, `${option.text} Takes ${option.takes}.`];
}

function entries<K extends string, V>(record: { readonly [P in K]: V }): [K, V][] {
  return Object.entries(record) as [K, V][];
}
