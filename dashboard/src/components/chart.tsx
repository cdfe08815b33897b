/** The chart, which comes in a file of its own once one is shown. */
import { lazy, Suspense } from 'react';
import type { TimeChartProps } from './time-chart.js';

const TimeChart = lazy(() => import('./time-chart.js'));

export function Chart(props: TimeChartProps) {
  const { height = 220 } = props;
  return (
    <Suspense fallback={<div className="beat rounded bg-raised" style={{ height }} />}>
      <TimeChart {...props} />
    </Suspense>
  );
}
