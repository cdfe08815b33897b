/**
 * The Grafana dashboard of ops/grafana, made of Grafana's own builders, so that what it says is what the
 * schema takes. `node dist/test/metrics-document.test.js --write` writes it.
 */
import {
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as HeatmapBuilder } from '@grafana/grafana-foundation-sdk/heatmap';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

interface Graph {
  title: string;
  unit: string;
  /** By legend. */
  queries: Readonly<Record<string, string>>;
}

const SOURCE = { type: 'prometheus', uid: '$' + '{datasource}' };
/** Of the panels in a row of 24 columns. */
const SPAN = 8;
const HEIGHT = 8;
const OF = 'instance=~"$node"';
const RATE = '$__rate_interval';

const rate = (metric: string, by = ''): string =>
  `sum${by === '' ? '' : ` by (${by})`} (rate(${metric}{${OF}}[${RATE}]))`;
const quantile = (q: number, metric: string): string =>
  `histogram_quantile(${q}, sum by (le) (rate(${metric}_bucket{${OF}}[${RATE}])))`;
const quantiles = (metric: string): Record<string, string> => ({
  p50: quantile(0.5, metric),
  p95: quantile(0.95, metric),
  p99: quantile(0.99, metric),
});

const ROWS: Readonly<Record<string, readonly Graph[]>> = {
  Golden: [
    {
      title: 'Published',
      unit: 'mps',
      queries: { '{{result}}': rate('conduit_published_messages_total', 'result') },
    },
    {
      title: 'Delivered',
      unit: 'mps',
      queries: { '{{encoding}}': rate('conduit_delivered_messages_total', 'encoding') },
    },
    {
      title: 'Errors that clients were answered',
      unit: 'reqps',
      queries: { '{{code}}': `${rate('conduit_errors_total', 'code')} > 0` },
    },
    {
      title: 'Publish to commit',
      unit: 's',
      queries: quantiles('conduit_publish_duration_seconds'),
    },
    {
      title: 'Commit to hand-over',
      unit: 's',
      queries: quantiles('conduit_delivery_latency_seconds'),
    },
    {
      title: 'HTTP requests',
      unit: 's',
      queries: quantiles('conduit_http_request_duration_seconds'),
    },
  ],
  Delivery: [
    {
      title: 'In flight',
      unit: 'short',
      queries: { '{{instance}}': `sum by (instance) (conduit_deliveries_pending{${OF}})` },
    },
    {
      title: 'Verdicts',
      unit: 'mps',
      queries: { '{{verdict}}': rate('conduit_verdicts_total', 'verdict') },
    },
    {
      title: 'Again, given up, expired',
      unit: 'mps',
      queries: {
        redelivered: rate('conduit_redelivered_messages_total'),
        'dead letters': rate('conduit_dead_letters_total'),
        expired: rate('conduit_expired_messages_total'),
        'gaps repaired': rate('conduit_gap_repaired_messages_total'),
      },
    },
  ],
  Log: [
    {
      title: 'Commit',
      unit: 's',
      queries: quantiles('conduit_wal_commit_duration_seconds'),
    },
    {
      title: 'Waiting for a transaction',
      unit: 'short',
      queries: { '{{instance}} {{worker}}': `conduit_wal_queue_rows{${OF}}` },
    },
    {
      title: 'Failed transactions',
      unit: 'ops',
      queries: { '{{instance}}': rate('conduit_wal_errors_total', 'instance') },
    },
    {
      title: 'Oldest snapshot, upkeep, outbox',
      unit: 's',
      queries: {
        snapshot: `max(conduit_oldest_snapshot_seconds{${OF}})`,
        upkeep: `max(conduit_upkeep_age_seconds{${OF}})`,
        outbox: `max(conduit_outbox_oldest_due_seconds{${OF}})`,
      },
    },
  ],
  Threads: [
    {
      title: 'Busy',
      unit: 'percentunit',
      queries: {
        'worker {{instance}} {{worker}}': `conduit_worker_eventloop_utilization_ratio{${OF}}`,
        'acceptor {{instance}} {{acceptor}}': `conduit_acceptor_eventloop_utilization_ratio{${OF}}`,
        'main {{instance}}': `conduit_main_eventloop_utilization_ratio{${OF}}`,
      },
    },
    {
      title: 'Event loop late',
      unit: 's',
      queries: {
        'worker {{instance}} {{worker}}': `conduit_worker_eventloop_delay_seconds{${OF}}`,
        'acceptor {{instance}} {{acceptor}}': `conduit_acceptor_eventloop_delay_seconds{${OF}}`,
      },
    },
    {
      title: 'Replaced threads, lasting trouble',
      unit: 'short',
      queries: {
        '{{kind}}': `sum by (kind) (increase(conduit_thread_restarts_total{${OF}}[1h]))`,
        'trouble {{instance}}': `conduit_outages{${OF}}`,
      },
    },
  ],
  Cluster: [
    {
      title: 'Nodes',
      unit: 'short',
      queries: {
        up: 'sum(up{job="conduit"})',
        open: `sum(min by (instance) (conduit_log_open{${OF}}))`,
      },
    },
    {
      title: 'Envelopes',
      unit: 'ops',
      queries: { '{{event}}': rate('conduit_backplane_events_total', 'event') },
    },
    {
      title: 'Envelopes dropped',
      unit: 'ops',
      queries: {
        '{{reason}}': `${rate('conduit_backplane_dropped_envelopes_total', 'reason')} > 0`,
      },
    },
  ],
  Connections: [
    {
      title: 'Open',
      unit: 'short',
      queries: {
        connections: `sum(conduit_connections{${OF}})`,
        streams: `sum(conduit_event_streams{${OF}})`,
        subscriptions: `sum(conduit_subscribers{${OF}})`,
      },
    },
    {
      title: 'Come and gone',
      unit: 'cps',
      queries: {
        opened: rate('conduit_connections_opened_total'),
        'closed: {{reason}}': rate('conduit_connections_closed_total', 'reason'),
        refused: rate('conduit_refused_connections_total'),
      },
    },
    {
      title: 'Unread answers, hot cache',
      unit: 'bytes',
      queries: {
        unread: `sum(conduit_unread_answer_bytes{${OF}})`,
        'hot cache': `sum(conduit_hot_cache_bytes{${OF}})`,
      },
    },
  ],
  Runtime: [
    {
      title: 'CPU',
      unit: 'short',
      queries: { '{{instance}} {{mode}}': rate('process_cpu_seconds_total', 'instance, mode') },
    },
    {
      title: 'Memory',
      unit: 'bytes',
      queries: {
        '{{instance}}': `process_resident_memory_bytes{${OF}}`,
        'heap of worker {{instance}} {{worker}}': `conduit_worker_heap_used_bytes{${OF}}`,
      },
    },
    {
      title: 'Topics',
      unit: 'short',
      queries: { '{{instance}}': `sum by (instance) (conduit_topics{${OF}})` },
    },
  ],
};

/** The text of ops/grafana/conduit.json. */
export function dashboardText(): string {
  return `${JSON.stringify(dashboard(), null, 2)}\n`;
}

function dashboard() {
  const built = new DashboardBuilder('Conduit')
    .uid('conduit')
    .tags(['conduit'])
    .refresh('30s')
    .time({ from: 'now-1h', to: 'now' })
    .tooltip(DashboardCursorSync.Crosshair)
    .withVariable(new DatasourceVariableBuilder('datasource').type('prometheus'))
    .withVariable(
      new QueryVariableBuilder('node')
        .datasource(SOURCE)
        .query('label_values(conduit_build_info, instance)')
        .refresh(VariableRefresh.OnTimeRangeChanged)
        .multi(true)
        .includeAll(true)
        .allValue('.*'),
    );
  for (const [title, graphs] of Object.entries(ROWS)) {
    built.withRow(new RowBuilder(title));
    for (const graph of graphs) built.withPanel(panel(graph));
    if (title === 'Log') built.withPanel(heatmap());
  }
  return built.build();
}

function panel({ title, unit, queries }: Graph): PanelBuilder {
  const built = new PanelBuilder().title(title).unit(unit).datasource(SOURCE);
  built.span(SPAN).height(HEIGHT);
  for (const [legend, expr] of Object.entries(queries)) {
    built.withTarget(new DataqueryBuilder().expr(expr).legendFormat(legend));
  }
  return built;
}

function heatmap(): HeatmapBuilder {
  const query = new DataqueryBuilder()
    .expr(rate('conduit_wal_batch_rows_bucket', 'le'))
    .format(PromQueryFormat.Heatmap)
    .legendFormat('{{le}}');
  const built = new HeatmapBuilder().title('Messages of a transaction').datasource(SOURCE);
  return built.span(SPAN).height(HEIGHT).withTarget(query);
}
