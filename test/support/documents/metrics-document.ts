/** docs/metrics.md, which is made of the declarations of src/observe/metrics.ts. */
import path from 'node:path';
import { PACKAGE_FOLDER } from '../../../native-bench/rig/node.js';
import { snakeCase } from '../../../src/core/snake-case.js';
import type { Metric } from '../../../src/observe/metric-kinds.js';
import {
  ACCEPTOR_METRICS,
  BUILD_INFO,
  DATABASE_LABEL,
  MAIN_METRICS,
  PROCESS_METRICS,
  SHARED_METRICS,
  WORKER_METRICS,
} from '../../../src/observe/metrics.js';

export const METRICS_FILE = path.join(PACKAGE_FOLDER, 'docs/metrics.md');
export const DASHBOARD_FILE = path.join(PACKAGE_FOLDER, 'ops/grafana/conduit.json');
export const ALERTS_FILE = path.join(PACKAGE_FOLDER, 'ops/alerts.yml');
export const ALERT_CASES_FILE = path.join(PACKAGE_FOLDER, 'ops/alerts.test.yml');

const KINDS: Readonly<Record<string, Readonly<Record<string, Metric>>>> = {
  'Messages and the log': WORKER_METRICS,
  'Sockets and HTTP': { ...ACCEPTOR_METRICS, ...SHARED_METRICS },
  'The node': { ...MAIN_METRICS, ...PROCESS_METRICS, build: BUILD_INFO },
};

export const ALL_METRICS: readonly Metric[] = Object.values(KINDS).flatMap(Object.values);

/** Names of series: a histogram has three. */
export function seriesNames({ name, type }: Metric): string[] {
  return type === 'histogram' ? ['_bucket', '_sum', '_count'].map((end) => name + end) : [name];
}

export function renderMetrics(text: string): string {
  return text.replace(
    /(<!-- made: (.+?) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_, begin: string, kind: string, end: string) => `${begin}\n${table(KINDS[kind])}\n${end}`,
  );
}

function table(metrics: Readonly<Record<string, Metric>> = {}): string {
  const rows = Object.values(metrics).map((metric) => {
    const { name, type, help } = metric;
    return `| \`${name}\` | ${type} | ${labelsOf(metric)} | ${help} |\n`;
  });
  return `| metric | type | labels | what it says |\n|---|---|---|---|\n${rows.join('')}`;
}

function labelsOf(metric: Metric): string {
  if (metric === BUILD_INFO) return 'version, node, log';
  if (metric === ACCEPTOR_METRICS.requests) return 'method, route, status';
  if (metric.over === 'each') {
    return Object.values(ACCEPTOR_METRICS as Record<string, Metric>).includes(metric)
      ? 'acceptor'
      : 'worker';
  }
  const { label, values } = metric;
  if (label === null) return '';
  if (label === DATABASE_LABEL) return `${label}: its place in DATABASE_URL, from 1`;
  const shown =
    values.length > 12 ? 'as in [errors.md](errors.md)' : values.map(snakeCase).join(', ');
  return `${label}: ${shown}`;
}
