/** The figures of the node as they come, for all pages together. */
import { useQueryClient } from '@tanstack/react-query';
import { createContext, useContext, useEffect, useState } from 'react';
import { CALLER_TARGET } from '../hooks/use-caller.js';
import { type Live, NOTHING, watchNode } from './watch-node.js';

export const LiveContext = createContext<Live>(NOTHING);

export function useLive(): Live {
  return useContext(LiveContext);
}

/** To be called once, by what gives it to the pages. */
export function useLiveFigures(): Live {
  const [live, setLive] = useState(NOTHING);
  const client = useQueryClient();
  useEffect(
    () => watchNode(setLive, () => void client.invalidateQueries({ queryKey: [CALLER_TARGET] })),
    [client],
  );
  return live;
}
