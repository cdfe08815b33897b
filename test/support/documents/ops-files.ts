/** What the alerts and the dashboard of ops/ ask of Prometheus. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { ALERTS_FILE, ALL_METRICS, DASHBOARD_FILE, seriesNames } from './metrics-document.js';

interface Alerts {
  groups: { rules: { alert: string; expr: string }[] }[];
}

/** Whatever in it has the members of a query. */
type Panel = { targets?: { expr?: string }[]; panels?: Panel[] };

/** Of Prometheus itself. */
const OTHERS = ['up'];

/** By the name of the alert. */
export function alertExpressions(): Map<string, string> {
  const { groups } = parse(readFileSync(ALERTS_FILE, 'utf8')) as Alerts;
  const rules = groups.flatMap((group) => group.rules);
  return new Map(rules.map(({ alert, expr }) => [alert, expr]));
}

/** With Grafana's variables as it would fill them in. */
export function panelExpressions(): string[] {
  const { panels = [] } = JSON.parse(readFileSync(DASHBOARD_FILE, 'utf8')) as Panel;
  const all = panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
  const expressions = all.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr ?? ''));
  return expressions.map((expr) =>
    expr.replaceAll('$__rate_interval', '1m').replaceAll('$node', '.*'),
  );
}

/** Those of `named`, names or patterns, that none of `series` is. */
export function unknownSeries(named: readonly string[], series: ReadonlySet<string>): string[] {
  return named.filter((name) => {
    const pattern = new RegExp(`^(?:${name})$`);
    return !OTHERS.includes(name) && ![...series].some((one) => pattern.test(one));
  });
}

export function declaredSeries(): Set<string> {
  return new Set(ALL_METRICS.flatMap(seriesNames));
}
