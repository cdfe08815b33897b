/** How long ago something was; the time itself, in UTC, on hover and for who does not see. */
import { distanceText } from '../api/texts.js';
import { useNow } from '../hooks/use-now.js';

export function TimeText({ time }: { time: string | null | undefined }) {
  const now = useNow();
  if (time == null) return <span className="text-soft">never</span>;
  return (
    <time dateTime={time} title={time} className="whitespace-nowrap">
      {distanceText(now - Date.parse(time))}
    </time>
  );
}
