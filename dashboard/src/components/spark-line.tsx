/** A small line of the last values, without axes: the figure beside it says how much. */
export interface SparkLineProps {
  values: readonly number[];
  /** Most of them. */
  points?: number;
}

const WIDTH = 160;
const HEIGHT = 36;

export function SparkLine({ values, points = 120 }: SparkLineProps) {
  const shown = values.slice(-points);
  if (shown.length < 2) return <div className="h-9" />;
  const max = Math.max(...shown, 1);
  const step = WIDTH / (points - 1);
  const from = WIDTH - (shown.length - 1) * step;
  const line = shown
    .map(
      (value, n) =>
        `${(from + n * step).toFixed(1)},${(HEIGHT - 2 - (value / max) * (HEIGHT - 4)).toFixed(1)}`,
    )
    .join(' ');
  return (
    <svg
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      className="h-9 w-full text-accent"
      aria-hidden="true"
    >
      <polygon
        points={`${from},${HEIGHT} ${line} ${WIDTH},${HEIGHT}`}
        className="fill-accent opacity-12"
      />
      <polyline
        points={line}
        fill="none"
        stroke="currentColor"
        strokeWidth={1.5}
        vectorEffect="non-scaling-stroke"
      />
    </svg>
  );
}
