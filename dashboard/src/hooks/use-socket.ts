/**
 * A WebSocket session of this page, in frames as JSON text. It comes back by itself, later each time, and says
 * in which state it is; what was subscribed to is for `onOpen` to ask for again.
 */
import { useCallback, useEffect, useRef, useState } from 'react';

export type SocketState = 'idle' | 'connecting' | 'open' | 'waiting' | 'ended';

export interface SocketFrame {
  type: string;
  [member: string]: unknown;
}

export interface SocketOptions {
  /** Null: none is opened. Another value: another session. */
  wanted: string | null;
  onOpen: (send: (frame: object) => void) => void;
  /** All frames of one WebSocket message, each with the text that it came as. */
  onFrames: (frames: readonly { frame: SocketFrame; text: string }[]) => void;
}

const SEPARATOR = '\u001e';
const FIRST_WAIT_MS = 500;
const WAIT_MS_MAX = 10_000;
/** From there on the node asks not to come back. */
const ENDING_CODE = 4_500;

export function useSocket({ wanted, onOpen, onFrames }: SocketOptions) {
  const [state, setState] = useState<SocketState>('idle');
  const [reason, setReason] = useState('');
  const socket = useRef<WebSocket | null>(null);
  const handlers = useRef({ onOpen, onFrames });
  handlers.current = { onOpen, onFrames };

  const send = useCallback((frame: object): boolean => {
    if (socket.current?.readyState !== WebSocket.OPEN) return false;
    socket.current.send(JSON.stringify(frame));
    return true;
  }, []);

  useEffect(() => {
    if (wanted === null) {
      setState('idle');
      return;
    }
    let timer: ReturnType<typeof setTimeout> | null = null;
    let waitMs = FIRST_WAIT_MS;
    const open = (): void => {
      setState('connecting');
      const url = new URL('/ws', location.href.replace(/^http/, 'ws'));
      const ws = new WebSocket(url, ['conduit.json.v1']);
      socket.current = ws;
      ws.onopen = () => {
        waitMs = FIRST_WAIT_MS;
        setState('open');
        setReason('');
        handlers.current.onOpen((frame) => ws.send(JSON.stringify(frame)));
      };
      ws.onmessage = ({ data }) => {
        const texts = String(data).split(SEPARATOR);
        handlers.current.onFrames(
          texts.map((text) => ({ frame: JSON.parse(text) as SocketFrame, text })),
        );
      };
      ws.onclose = ({ code, reason: why }) => {
        setReason(`${code}${why === '' ? '' : ` ${why}`}`);
        if (code >= ENDING_CODE) {
          setState('ended');
          return;
        }
        setState('waiting');
        timer = setTimeout(open, waitMs * (0.5 + Math.random()));
        waitMs = Math.min(waitMs * 2, WAIT_MS_MAX);
      };
    };
    open();
    return () => {
      if (timer !== null) clearTimeout(timer);
      const ws = socket.current;
      socket.current = null;
      if (ws === null) return;
      ws.onclose = null;
      ws.onmessage = null;
      ws.close(1000);
    };
  }, [wanted]);

  return { state, reason, send };
}
