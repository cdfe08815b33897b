/** Publish on one side, subscribe on the other; what is set up is in the URL, to be shared. */
import { useCallback, useRef, useState } from 'react';
import { PageHead } from '../../components/card.js';
import { CopyButton } from '../../components/copy-button.js';
import { useCaller } from '../../hooks/use-caller.js';
import { useFragmentState } from '../../hooks/use-fragment-state.js';
import { type Latencies, LatencyMeter, NO_LATENCIES, withLatency } from './latency.js';
import { PublishPane } from './publish-pane.js';
import { SubscribePane } from './subscribe-pane.js';

/** Of messages whose other end has not been seen. */
const KEPT = 500;

export default function Playground() {
  const [get, set] = useFragmentState();
  const { may } = useCaller();
  const [latencies, setLatencies] = useState<Latencies>(NO_LATENCIES);
  const sent = useRef(new Map<string, number>());
  const come = useRef(new Map<string, number>());
  const meet = useCallback((id: string): void => {
    const [from, to] = [sent.current.get(id), come.current.get(id)];
    for (const map of [sent.current, come.current]) {
      if (map.size > KEPT) map.delete(map.keys().next().value ?? '');
    }
    if (from === undefined || to === undefined) return;
    sent.current.delete(id);
    come.current.delete(id);
    setLatencies((before) => withLatency(before, to - from));
  }, []);
  const onSent = useCallback(
    (id: string, at: number) => {
      sent.current.set(id, at);
      meet(id);
    },
    [meet],
  );
  const onCome = useCallback(
    (id: string, at: number) => {
      if (come.current.has(id)) return;
      come.current.set(id, at);
      meet(id);
    },
    [meet],
  );
  return (
    <>
      <PageHead
        title="Playground"
        text="Publish and subscribe side by side. The address of this page holds what is set up, behind its #: no node and no log sees that."
        actions={<CopyButton text={location.href} label="Copy the address" />}
      />
      <LatencyMeter latencies={latencies} />
      <div className="mt-3 grid grid-cols-1 gap-3 lg:grid-cols-2">
        {may('publish') ? <PublishPane {...{ get, set, onSent }} /> : null}
        {may('subscribe') ? <SubscribePane {...{ get, set, onCome }} /> : null}
      </div>
    </>
  );
}
