/** Messages per second of topics, by how far their sequences have moved since they were last seen. */
import { useEffect, useMemo, useState } from 'react';
import type { Topic } from '../../api/views.js';

interface Seen {
  sequence: number;
  at: number;
  /** null: it was seen once only. */
  rate: number | null;
}

/** `at`: when they were as they are, Unix ms. By name, those that were seen twice. */
export function useRates(topics: readonly Topic[], at: number): ReadonlyMap<string, number> {
  const [seen, setSeen] = useState<ReadonlyMap<string, Seen>>(new Map());
  useEffect(() => {
    if (at === 0) return;
    setSeen(
      (before) =>
        new Map(topics.map((topic) => [topic.name, seenOf(topic, before.get(topic.name), at)])),
    );
  }, [topics, at]);
  return useMemo(() => {
    const rates = [...seen].flatMap(([name, { rate }]) =>
      rate === null ? [] : [[name, rate] as const],
    );
    return new Map(rates);
  }, [seen]);
}

function seenOf({ sequence }: Topic, before: Seen | undefined, at: number): Seen {
  if (before === undefined || sequence < before.sequence) return { sequence, at, rate: null };
  if (at <= before.at) return before;
  return { sequence, at, rate: ((sequence - before.sequence) / (at - before.at)) * 1_000 };
}
