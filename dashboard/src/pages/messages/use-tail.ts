/** What comes of a topic over a WebSocket, thinned out where nobody could read it. */
import { useEffect, useRef, useState } from 'react';
import { parseJson } from '../../api/json.js';
import type { Message } from '../../api/views.js';
import { useSocket } from '../../hooks/use-socket.js';

const ROWS_MAX = 1_000;
const SHOWN_PER_S = 200;

interface Tail {
  rows: readonly Message[];
  /** That came while it was held. */
  waiting: number;
  seen: number;
  /** One of so many is shown. */
  oneOf: number;
}

interface Gathered {
  rows: Message[];
  seen: number;
  since: number;
  count: number;
  oneOf: number;
}

const NOTHING: Tail = { rows: [], waiting: 0, seen: 0, oneOf: 1 };

export function useTail(topic: string, isHeld: boolean) {
  const [tail, setTail] = useState<Tail>(NOTHING);
  const gathered = useRef<Gathered>({ rows: [], seen: 0, since: 0, count: 0, oneOf: 1 });
  const held = useRef(isHeld);
  held.current = isHeld;
  const frame = useRef(0);
  const show = (): void => {
    frame.current = 0;
    const { rows, seen, oneOf } = gathered.current;
    setTail((before) => {
      const others = { seen, oneOf };
      if (held.current) return { ...before, ...others, waiting: rows.length };
      gathered.current.rows = [];
      return {
        rows: [...rows.reverse(), ...before.rows].slice(0, ROWS_MAX),
        ...others,
        waiting: 0,
      };
    });
  };
  const ask = (): void => {
    if (frame.current === 0) frame.current = requestAnimationFrame(show);
  };
  const socket = useSocket({
    wanted: topic,
    onOpen: (send) => send({ type: 'subscribe', topic, ack: 'none' }),
    onFrames: (frames) => {
      for (const { frame: one, text } of frames) {
        if (one.type === 'message') take(gathered.current, text);
      }
      ask();
    },
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: what was held is shown
  useEffect(() => {
    if (!isHeld) ask();
  }, [isHeld]);
  useEffect(() => () => cancelAnimationFrame(frame.current), []);
  return { ...tail, state: socket.state, reason: socket.reason };
}

function take(into: Gathered, text: string): void {
  const now = performance.now();
  if (now - into.since > 1_000) {
    into.oneOf = Math.max(1, Math.ceil(into.count / SHOWN_PER_S));
    into.since = now;
    into.count = 0;
  }
  into.seen += 1;
  into.count += 1;
  // A burst is thinned out in its own second, too.
  if (into.count > SHOWN_PER_S * into.oneOf) into.oneOf *= 2;
  if (into.seen % into.oneOf !== 0) return;
  into.rows.push(parseJson(text) as Message);
  if (into.rows.length > ROWS_MAX) into.rows.shift();
}
