/**
 * A WebSocket session of this page. It comes back by itself, later each time, and says
 * in which state it is; what was subscribed to is for `onOpen` to ask for again.
 */
import { useCallback, useEffect, useRef, useState } from 'react';
import { refusals, UNAUTHORIZED } from '../api/ask.js';
import { codecOf, type FrameCodec, type FrameFormat, type WireFrame } from './frame-format.js';
import { useCaller } from './use-caller.js';

export type SocketState = 'idle' | 'connecting' | 'open' | 'waiting' | 'ended';

export interface SocketOptions {
  /** Null: none is opened. Another value: another session. */
  wanted: string | null;
  onOpen: (send: (frame: object) => void) => void;
  /** All frames of one WebSocket message, each as it came. */
  onFrames: (frames: readonly WireFrame[]) => void;
  /** As they went out. */
  onSent?: (frame: WireFrame) => void;
  /** JSON without it. */
  format?: FrameFormat;
}

const FIRST_WAIT_MS = 500;
const WAIT_MS_MAX = 10_000;
/** From there on the node asks not to come back. */
const ENDING_CODE = 4_500;
/** The key or the login has ended: it goes on with the next one. */
const LOGIN_ENDED_CODE = 4_510;

export function useSocket({ wanted, format = 'json', ...given }: SocketOptions) {
  const [state, setState] = useState<SocketState>('idle');
  const [reason, setReason] = useState('');
  const { isIn } = useCaller();
  const endedWithLogin = useRef(false);
  const [logins, setLogins] = useState(0);
  const socket = useRef<WebSocket | null>(null);
  const codec = useRef<FrameCodec | null>(null);
  const handlers = useRef(given);
  handlers.current = given;

  const send = useCallback((frame: object): boolean => {
    if (socket.current?.readyState !== WebSocket.OPEN || codec.current === null) return false;
    const { data, seen } = codec.current.encode(frame);
    socket.current.send(data);
    handlers.current.onSent?.(seen);
    return true;
  }, []);

  useEffect(() => {
    if (!isIn || !endedWithLogin.current) return;
    endedWithLogin.current = false;
    setLogins((count) => count + 1);
  }, [isIn]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another login, another session
  useEffect(() => {
    if (wanted === null) {
      setState('idle');
      return;
    }
    let timer: ReturnType<typeof setTimeout> | null = null;
    let waitMs = FIRST_WAIT_MS;
    const by = codecOf(format);
    codec.current = by;
    const open = (): void => {
      setState('connecting');
      const url = new URL('/ws', location.href.replace(/^http/, 'ws'));
      const ws = new WebSocket(url, [by.subprotocol]);
      ws.binaryType = 'arraybuffer';
      socket.current = ws;
      ws.onopen = () => {
        waitMs = FIRST_WAIT_MS;
        setState('open');
        setReason('');
        handlers.current.onOpen(send);
      };
      ws.onmessage = ({ data }) => {
        handlers.current.onFrames(by.decode(data as string | ArrayBuffer));
      };
      ws.onclose = ({ code, reason: why }) => {
        setReason(`${code}${why === '' ? '' : ` ${why}`}`);
        if (code >= ENDING_CODE) {
          setState('ended');
          endedWithLogin.current = code === LOGIN_ENDED_CODE;
          if (endedWithLogin.current) refusals.dispatchEvent(new Event(UNAUTHORIZED));
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
  }, [wanted, format, send, logins]);

  return { state, reason, send };
}
