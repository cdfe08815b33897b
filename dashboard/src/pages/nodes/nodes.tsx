/** The nodes of the cluster, and how the one that answers does. */
import { useState } from 'react';
import { ofMany } from '../../api/texts.js';
import type { Health, ListedNode, NodeList } from '../../api/views.js';
import { Card, PageHead } from '../../components/card.js';
import { CodeBlock, CopyButton } from '../../components/copy-button.js';
import { Banner, Failure, Loading } from '../../components/notice.js';
import { Status } from '../../components/status.js';
import { useAnswer } from '../../hooks/use-answer.js';
import { useCaller } from '../../hooks/use-caller.js';
import { useHealth } from '../../shell/connection.js';
import { NodeCard } from './node-card.js';
import { NodeDrain } from './node-drain.js';
import { RingWheel } from './ring-wheel.js';

export default function Nodes() {
  const [toDrain, setToDrain] = useState<ListedNode | null>(null);
  const { data, error, refetch } = useAnswer<NodeList>('/api/nodes', { everyMs: 1_000 });
  const health = useHealth();
  if (data === undefined) {
    return error === null ? <Loading /> : <Failure error={error} retry={() => void refetch()} />;
  }
  const isAlone = data.nodes.length === 1;
  const text = JSON.stringify({ nodes: data.nodes, health }, null, 2);
  return (
    <>
      <PageHead
        title="Nodes"
        text={`${ofMany(data.nodes.filter(({ state }) => state === 'live').length, 'node')} live`}
        actions={<CopyButton text={text} label="Copy diagnostics" />}
      />
      {error === null ? null : <Failure error={error} />}
      {isAlone ? <Alone isDurable={health?.durability === 'durable'} /> : null}
      <div className={isAlone ? 'grid grid-cols-1 items-start gap-3 xl:grid-cols-2' : 'space-y-3'}>
        <ul className={`grid grid-cols-1 gap-3 ${isAlone ? '' : 'lg:grid-cols-2 2xl:grid-cols-3'}`}>
          {data.nodes.map((node) => (
            <li key={node.boot_id}>
              <NodeCard node={node} onDrain={() => setToDrain(node)} />
            </li>
          ))}
        </ul>
        <Rings nodes={data.nodes} />
      </div>
      {health?.checks === undefined ? null : <Checks health={health} />}
      {toDrain === null ? null : (
        <NodeDrain
          node={toDrain}
          others={
            data.nodes.filter(({ id, state }) => id !== toDrain.id && state === 'live').length
          }
          onClose={() => setToDrain(null)}
        />
      )}
    </>
  );
}

/** Of workers, whose topics they are; of nodes, who share what is done now and then. */
function Rings({ nodes }: { nodes: readonly ListedNode[] }) {
  const { caller } = useCaller();
  const here = nodes.find((node) => node.this);
  const workers = here?.workers.map((_, index) => `worker-${index}`) ?? [];
  const live = nodes.filter(({ state }) => state === 'live').map(({ id }) => id);
  return (
    <div className={`grid grid-cols-1 gap-3 ${live.length < 2 ? '' : 'xl:grid-cols-2'}`}>
      <RingWheel
        key={workers.length}
        title="Where topics are"
        text="Each worker of this node has the topics whose names fall into its parts of the ring."
        members={workers}
        prefix={`${caller?.tenant ?? ''}\0`}
        label="Where is the topic"
      />
      {live.length < 2 ? null : (
        <RingWheel
          key={live.join()}
          title="Who does what there is one of"
          text="What is done once for all nodes, such as a day's upkeep, is shared out by its name."
          members={live}
          prefix=""
          label="Who has the work"
        />
      )}
    </div>
  );
}

function Alone({ isDurable }: { isDurable: boolean }) {
  return (
    <Banner tone="info">
      <p className={isDurable ? 'mb-2' : ''}>
        {isDurable
          ? 'This node is alone. A second one on the same database takes its place when it is lost:'
          : 'This node is alone, and its messages are in memory: give it a database to add others.'}
      </p>
      {isDurable ? (
        <CodeBlock
          label="A second node"
          text="NODE_ID=second PORT=8081 DATABASE_URL=… npx conduit serve"
        />
      ) : null}
    </Banner>
  );
}

function Checks({ health }: { health: Health }) {
  return (
    <Card
      title="Checks of this node"
      className="mt-3"
      aside={<Status tone={health.status === 'ok' ? 'good' : 'bad'}>{health.status}</Status>}
    >
      <ul className="grid gap-2 sm:grid-cols-2 xl:grid-cols-3">
        {Object.entries(health.checks).map(([what, state]) => (
          <li
            key={what}
            className="flex items-start justify-between gap-3 rounded-md bg-page px-3 py-2 text-sm"
          >
            <span>{what}</span>
            <Status tone={state === 'ok' ? 'good' : 'bad'}>{state}</Status>
          </li>
        ))}
      </ul>
    </Card>
  );
}
