/** The charts of a scenario as SVG texts. */
import * as echarts from 'echarts';
import type { Latency } from '../contender.js';
import { type Figure, show } from '../figure.js';
import { figureOf, type Outcome, type Row } from '../runner.js';
import { THEMES, type Theme } from './theme.js';

export interface Chart {
  title: string;
  light: string;
  dark: string;
}

type Option = echarts.EChartsOption;

const WIDTH = 860;
const ROW_HEIGHT = 34;
const MARGINS = 110;
const CURVE_HEIGHT = 360;
const LABEL_WIDTH = 230;
const PERCENTILES: readonly (keyof Latency)[] = ['p50', 'p90', 'p95', 'p99', 'p999', 'max'];

/** Of valid rows only; a chart that would be empty is left out. */
export function chartsOf({ scenario, rows }: Outcome): Chart[] {
  const valid = rows.filter(({ summary }) => summary !== null);
  const figures = [...new Set(valid.map(({ entry }) => figureOf(entry, scenario)))];
  const bars = figures.map((figure) => {
    const shown = valid.filter(({ entry }) => figureOf(entry, scenario) === figure);
    return chart(figure.name, heightFor(shown), (theme) => figureBars(figure, shown, theme));
  });
  const curves = (['latencyUs', 'deliveryUs'] as const).flatMap((of) => {
    const shown = valid.filter(({ summary }) => summary?.[of] != null);
    if (shown.length === 0) return [];
    const title = of === 'latencyUs' ? 'latency, publish to answer' : 'latency, publish to receive';
    const height = CURVE_HEIGHT + 10 * shown.length;
    return [chart(title, height, (theme) => latencyCurves(of, shown, theme))];
  });
  const costed = valid.filter(({ summary }) => Object.keys(summary?.cpuUs ?? {}).length > 0);
  const cpu = costed.length === 0 ? [] : [cpuChart(costed)];
  const phased = valid.filter(({ windows }) => windows.length > 0);
  return [...bars, ...(phased.length === 0 ? [] : [phaseChart(phased)]), ...curves, ...cpu];
}

function chart(title: string, height: number, option: (theme: Theme) => Option): Chart {
  const [light, dark] = [THEMES.light, THEMES.dark].map((theme) => {
    const drawn = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
    try {
      drawn.setOption({
        animation: false,
        color: theme.colors,
        textStyle: { color: theme.text, fontFamily: 'sans-serif' },
        legend: { bottom: 0, textStyle: { color: theme.text } },
        ...option(theme),
      });
      return drawn.renderToSVGString();
    } finally {
      // It keeps a timer.
      drawn.dispose();
    }
  });
  return { title, light: light ?? '', dark: dark ?? '' };
}

function figureBars(figure: Figure, rows: readonly Row[], theme: Theme): Option {
  return {
    grid: { left: LABEL_WIDTH, right: 110, top: 10, bottom: 40 },
    legend: { show: false },
    xAxis: valueAxis(theme, (value) => show(value, figure.unit)),
    yAxis: nameAxis(rows, theme),
    series: [
      {
        type: 'bar',
        data: rows.map(({ figure: spread, entry }) => ({
          value: spread?.median ?? 0,
          itemStyle: { color: theme.colors[entry.contender.startsWith('conduit') ? 0 : 7] ?? '' },
        })),
        label: {
          show: true,
          position: 'right',
          color: theme.text,
          formatter: ({ value }) => show(Number(value), figure.unit),
        },
      },
    ],
  };
}

function latencyCurves(of: 'latencyUs' | 'deliveryUs', rows: readonly Row[], theme: Theme): Option {
  return {
    grid: { left: 80, right: 30, top: 20, bottom: 70 + 10 * rows.length },
    xAxis: {
      type: 'category',
      data: PERCENTILES.map((name) => name.replace('p999', 'p99.9')),
      axisLabel: { color: theme.text },
    },
    yAxis: {
      type: 'log',
      axisLabel: { color: theme.text, formatter: (us: number) => `${us / 1_000} ms` },
      splitLine: { lineStyle: { color: theme.line } },
    },
    series: rows.map(({ entry, summary }) => ({
      type: 'line' as const,
      name: entry.name,
      // A logarithm has no zero.
      data: PERCENTILES.map((name) => Math.max(1, summary?.[of]?.[name] ?? 1)),
    })),
  };
}

/** Window by window, by the control's. */
function phaseChart(rows: readonly Row[]): Chart {
  const title = 'rate, window by window, by that of the same load where nobody holds a snapshot';
  return chart(title, CURVE_HEIGHT + 10 * rows.length, (theme) => ({
    grid: { left: 80, right: 30, top: 20, bottom: 70 + 10 * rows.length },
    xAxis: {
      type: 'category',
      data: (rows[0]?.windows ?? []).map(({ phase, atS }) => `${phase} ${Math.round(atS)} s`),
      axisLabel: { color: theme.text },
    },
    yAxis: { ...valueAxis(theme, (value) => `${value}x`), min: 0 },
    series: rows.map(({ entry, windows }) => ({
      type: 'line' as const,
      name: entry.name,
      data: windows.map(({ perSecond, control }) =>
        Number((perSecond / control.perSecond).toPrecision(3)),
      ),
    })),
  }));
}

function cpuChart(rows: readonly Row[]): Chart {
  const names = [...new Set(rows.flatMap(({ summary }) => Object.keys(summary?.cpuUs ?? {})))];
  return chart('CPU a message, microseconds', heightFor(rows), (theme) => ({
    grid: { left: LABEL_WIDTH, right: 60, top: 10, bottom: 60 },
    xAxis: valueAxis(theme, (value) => `${value} us`),
    yAxis: nameAxis(rows, theme),
    series: names.map((name) => ({
      type: 'bar' as const,
      name,
      stack: 'cpu',
      data: rows.map(({ summary }) => Number((summary?.cpuUs[name] ?? 0).toPrecision(3))),
    })),
  }));
}

function valueAxis(theme: Theme, formatter: (value: number) => string) {
  return {
    type: 'value' as const,
    splitNumber: 4,
    axisLabel: { color: theme.text, formatter },
    splitLine: { lineStyle: { color: theme.line } },
  };
}

/** The first row at the top. */
function nameAxis(rows: readonly Row[], theme: Theme): NonNullable<Option['yAxis']> {
  return {
    type: 'category',
    inverse: true,
    data: rows.map(({ entry }) => entry.name),
    axisLabel: { color: theme.text, width: LABEL_WIDTH - 20, overflow: 'truncate' },
  };
}

function heightFor(rows: readonly Row[]): number {
  return MARGINS + ROW_HEIGHT * rows.length;
}
