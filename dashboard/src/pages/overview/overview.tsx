/** What the system does now, over the last minutes, and what of it needs somebody. */
import { durationText } from '../../api/texts.js';
import { PageHead } from '../../components/card.js';
import { Failure } from '../../components/notice.js';
import { useLive } from '../../live/use-live.js';
import { Attention } from './attention.js';
import { FirstRun } from './first-run.js';
import { Happenings } from './happenings.js';
import { NodeCharts } from './node-charts.js';
import { NodeStrip } from './node-strip.js';
import { Tiles } from './tiles.js';

export function Overview() {
  const { stats, samples, error } = useLive();
  if (stats === null && error !== null) return <Failure error={error} />;
  return (
    <>
      <PageHead
        title="Overview"
        text={
          stats === null
            ? 'Waiting for figures'
            : `Up for ${durationText(stats.uptime_seconds * 1_000)}`
        }
      />
      <FirstRun />
      <Tiles stats={stats} samples={samples} />
      <div className="mt-3 grid grid-cols-1 gap-3 xl:grid-cols-[3fr_1fr]">
        <NodeCharts samples={samples} />
        <Attention />
      </div>
      <NodeStrip />
      <Happenings />
    </>
  );
}
