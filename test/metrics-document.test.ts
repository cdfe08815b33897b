// Goal: docs/metrics.md and the dashboard are what src/observe/metrics.ts declares, names are as Prometheus
// wants them, and what alerts and panels ask is PromQL about metrics that there are. `--write` makes them
// again.
import { readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { dashboardText } from './support/browser/dashboard.js';
import {
  ALERT_CASES_FILE,
  ALL_METRICS,
  DASHBOARD_FILE,
  METRICS_FILE,
  renderMetrics,
  seriesNames,
} from './support/documents/metrics-document.js';
import {
  alertExpressions,
  declaredSeries,
  panelExpressions,
  unknownSeries,
} from './support/documents/ops-files.js';
import { promqlErrors, seriesIn } from './support/documents/promql.js';

if (process.argv.includes('--write')) {
  writeFileSync(METRICS_FILE, renderMetrics(readFileSync(METRICS_FILE, 'utf8')));
  writeFileSync(DASHBOARD_FILE, dashboardText());
}

const WRITE = 'node dist/test/metrics-document.test.js --write';
/** Of tenants, topics, keys and clients there are as many as they like. */
const UNBOUNDED = /tenant|topic|key|client|address|session|subscription|message_id|user/;
const LABEL_VALUES_MAX = 64;

t.test('what is made is up to date', async (t) => {
  const text = readFileSync(METRICS_FILE, 'utf8');
  t.ok(text === renderMetrics(text), WRITE);
  t.ok(readFileSync(DASHBOARD_FILE, 'utf8') === dashboardText(), WRITE);
  for (const { name } of ALL_METRICS) t.match(text, `| \`${name}\` |`, name);
});

t.test('names say the unit, and counters that they are some', async (t) => {
  for (const { name, type, help } of ALL_METRICS) {
    t.match(name, /^(conduit|process)_[a-z]+(_[a-z]+)*$/);
    t.equal(name.endsWith('_total'), type === 'counter', name);
    t.notMatch(name, /_(ms|millis|milliseconds|kb|mb|count|sum|bucket|info_total)$/, name);
    t.match(help, /^[^\n]+\.$/, name);
    if (type === 'histogram') t.match(name, /_(seconds|rows)$/, name);
  }
  const names = ALL_METRICS.flatMap(seriesNames);
  t.equal(new Set(names).size, names.length, 'each has one meaning');
});

t.test('labels have few values, which no client makes', async (t) => {
  for (const { name, label, values } of ALL_METRICS) {
    if (label !== null) t.notMatch(label, UNBOUNDED, name);
    // Codes of errors are a table of ours.
    if (label !== 'code') t.ok(values.length <= LABEL_VALUES_MAX, name);
    t.equal(new Set(values).size, values.length, name);
  }
});

t.test('alerts and panels ask in PromQL, of metrics that there are', async (t) => {
  const [alerts, panels] = [[...alertExpressions().values()], panelExpressions()];
  t.ok(alerts.length >= 10 && panels.length >= 30);
  const known = declaredSeries();
  for (const expression of [...alerts, ...panels]) {
    t.same(promqlErrors(expression), [], expression);
    const named = seriesIn(expression);
    t.ok(named.length > 0, expression);
    t.same(unknownSeries(named, known), [], expression);
  }
});

t.test('what is none is found', async (t) => {
  t.not(promqlErrors('rate(conduit_topics[5m]').length, 0);
  t.same(unknownSeries(seriesIn('sum(conduit_topics) / conduit_nothing'), declaredSeries()), [
    'conduit_nothing',
  ]);
  t.same(unknownSeries(['conduit_(a|b)_ratio'], declaredSeries()), ['conduit_(a|b)_ratio']);
});

t.test('each alert has a case in which it fires', async (t) => {
  const cases = readFileSync(ALERT_CASES_FILE, 'utf8');
  for (const alert of alertExpressions().keys()) {
    t.match(cases, new RegExp(`alertname: ${alert}\\n\\s+exp_alerts:\\n`), alert);
    t.match(cases, `alertname: ${alert}, exp_alerts: [] }`, alert);
  }
});
