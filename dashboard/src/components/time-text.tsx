/** How long ago something was; the time itself, in UTC, on hover and for who does not see. */
import { distanceText } from '../api/texts.js';
import { useOfNow } from '../hooks/use-now.js';

export function TimeText({ time }: { time: string | null | undefined }) {
  const text = useOfNow((now) => (time == null ? 'never' : distanceText(now - Date.parse(time))));
  if (time == null) return <span className="text-soft">{text}</span>;
  return (
    <time dateTime={time} title={time} className="whitespace-nowrap">
      {text}
    </time>
  );
}
