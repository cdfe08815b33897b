/**
 * Figures over time on a canvas. Whoever does not see it is read the last values; loaded when it is shown.
 */
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { clockText, countText, rateText } from '../api/texts.js';
import { useShownTheme } from '../hooks/use-theme.js';

export interface ChartLine {
  label: string;
  values: readonly number[];
  /** Name of a colour of the page. */
  colour: 'accent' | 'warn' | 'bad' | 'good' | 'soft';
  /** Lines differ by more than their colour. */
  dash?: number[];
}

export interface TimeChartProps {
  label: string;
  /** Unix ms. */
  times: readonly number[];
  lines: readonly ChartLine[];
  height?: number;
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function dataOf({ times, lines }: TimeChartProps): uPlot.AlignedData {
  return [times.map((ms) => ms / 1_000), ...lines.map(({ values }) => [...values])];
}

function makePlot(into: HTMLElement, props: TimeChartProps, height: number): uPlot {
  const axis = {
    stroke: colour('soft'),
    grid: { stroke: colour('line'), width: 1 },
    ticks: { show: false },
  };
  return new uPlot(
    {
      width: Math.max(into.clientWidth, 120),
      height,
      cursor: { y: false },
      legend: { show: false },
      scales: { y: { range: (_plot, _min, max) => [0, Math.max(max * 1.1, 1)] } },
      axes: [
        {
          ...axis,
          size: 28,
          space: 90,
          incrs: [1, 5, 10, 30, 60, 300, 600, 1_800],
          values: (_plot, values) => values.map((s) => clockText(s * 1_000)),
        },
        { ...axis, size: 52, values: (_plot, values) => values.map(markText) },
      ],
      series: [
        {},
        ...props.lines.map(({ label, colour: name, dash }) => ({
          label,
          stroke: colour(name),
          width: 1.75,
          points: { show: false },
          ...(dash === undefined ? {} : { dash }),
        })),
      ],
    },
    dataOf(props),
    into,
  );
}

/** What stands beside an axis: no digits that say nothing. */
function markText(value: number): string {
  return Number.isInteger(value) ? countText(value) : String(Number(value.toFixed(2)));
}

const SWATCHES = {
  accent: 'border-accent',
  warn: 'border-warn',
  bad: 'border-bad',
  good: 'border-good',
  soft: 'border-soft',
};

export default function TimeChart(props: TimeChartProps) {
  const { label, lines, height = 220 } = props;
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const theme = useShownTheme();
  const names = lines.map((line) => line.label).join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: drawn anew for other colours and lines
  useEffect(() => {
    const into = frame.current;
    if (into === null) return;
    const made = makePlot(into, latest.current, height);
    plot.current = made;
    const observer = new ResizeObserver(() => {
      made.setSize({ width: Math.max(into.clientWidth, 120), height });
    });
    observer.observe(into);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [theme, names, height]);
  useEffect(() => {
    plot.current?.setData(dataOf(props));
  }, [props]);
  const said = lines.map((line) => `${line.label} ${rateText(line.values.at(-1) ?? 0)}`).join(', ');
  return (
    <figure className="min-w-0">
      <div
        ref={frame}
        className="overflow-hidden"
        role="img"
        aria-label={`${label}. Now: ${said}`}
        style={{ height }}
      />
      <figcaption className="mt-2 flex flex-wrap gap-x-4 gap-y-1 text-xs text-soft">
        {lines.map((line) => (
          <span key={line.label} className="inline-flex items-center gap-1.5">
            <span
              className={`inline-block w-4 border-t-2 ${SWATCHES[line.colour]} ${line.dash === undefined ? '' : 'border-dashed'}`}
            />
            {line.label} <strong className="text-ink">{rateText(line.values.at(-1) ?? 0)}</strong>
          </span>
        ))}
      </figcaption>
    </figure>
  );
}
