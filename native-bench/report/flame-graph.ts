/** Flame graphs of a profile: callers above, what they call below, as wide as their share. */
import type { CustomSeriesRenderItem } from 'echarts';
import type { Call, Profile } from '../profiles/profile.js';
import { type Chart, chart, type Theme } from './charts.js';

interface Bar {
  call: Call;
  depth: number;
  /** Shares of the root. */
  from: number;
  to: number;
}

/** What is narrower than this share, or deeper, is not drawn. */
const SHARE_MIN = 0.004;
const DEPTH_MAX = 18;
const BAR_HEIGHT = 17;
const FONT_SIZE = 10;
/** Of a bar: the font that shows it may be wider than the one it was measured by. */
const TEXT_SHARE = 0.85;
/** A text needs so many pixels. */
const TEXT_WIDTH_MIN = 30;

export function flameGraph({ thread, of, root }: Profile): Chart {
  const bars = barsOf(root);
  const rows = Math.max(0, ...bars.map(({ depth }) => depth)) + 1;
  const what = of === 'cpu' ? 'CPU' : 'allocation';
  const title = `${what} of ${thread}: ${totalOf(of, root)}`;
  return chart(title, rows * BAR_HEIGHT + 4, (theme) => ({
    grid: { left: 0, right: 0, top: 0, bottom: 4 },
    legend: { show: false },
    xAxis: { type: 'value', min: 0, max: 1, show: false },
    yAxis: { type: 'value', min: 0, max: rows, inverse: true, show: false },
    series: [
      {
        type: 'custom',
        data: bars.map(({ from, to, depth }) => [from, to, depth]),
        renderItem: drawer(bars, theme),
      },
    ],
  }));
}

function barsOf(root: Call): Bar[] {
  const bars: Bar[] = [];
  const add = (call: Call, depth: number, from: number): void => {
    const width = call.value / root.value;
    if (!(width >= SHARE_MIN) || depth > DEPTH_MAX) return;
    bars.push({ call, depth, from, to: from + width });
    let at = from;
    for (const one of call.calls) {
      add(one, depth + 1, at);
      at += one.value / root.value;
    }
  };
  add(root, 0, 0);
  return bars;
}

function drawer(bars: readonly Bar[], theme: Theme): CustomSeriesRenderItem {
  return ({ dataIndex }, api) => {
    const bar = bars[dataIndex];
    if (bar === undefined) return null;
    const [x = 0, y = 0] = api.coord([bar.from, bar.depth]);
    const [end = 0] = api.coord([bar.to, bar.depth]);
    const width = end - x;
    const percent = ((bar.to - bar.from) * 100).toFixed(1);
    const text = width < TEXT_WIDTH_MIN ? '' : `${bar.call.name} ${percent} %`;
    return {
      type: 'rect',
      shape: { x, y, width: Math.max(0.5, width - 0.5), height: BAR_HEIGHT - 1 },
      style: { fill: colorOf(bar.call, theme), opacity: 0.55 },
      textContent: {
        type: 'text',
        style: {
          text,
          fill: theme.text,
          fontSize: FONT_SIZE,
          width: TEXT_SHARE * width,
          overflow: 'truncate',
        },
      },
      textConfig: { position: 'insideLeft', distance: 2 },
    };
  };
}

/** The same folder, module or package has the same colour; V8's own is grey. */
function colorOf({ home }: Call, { colors }: Theme): string {
  const grey = colors.at(-1) ?? '';
  if (home === '') return grey;
  let sum = 0;
  for (const letter of home) sum = (sum * 31 + letter.charCodeAt(0)) % 65_521;
  return colors[sum % (colors.length - 1)] ?? grey;
}

function totalOf(of: Profile['of'], { value }: Call): string {
  return of === 'cpu' ? `${(value / 1e6).toFixed(1)} s busy` : `${(value / 1e6).toFixed(0)} MB`;
}
