// Goal: nodes of one host that are given no name have one each, the same after a restart.
import t from 'tap';
import { claimNodeName } from '../../../src/supervisor/node-name.js';

const unset = (port: number) =>
  ({ nodeId: `host.${process.pid}`, nodeIdFrom: 'host name', port }) as const;
/** Elsewhere the kernel holds no names, and the database refuses the second. */
const isLinux = process.platform === 'linux';

t.test('the first has the name of the host, the next one its port behind it', async (t) => {
  const first = await claimNodeName(unset(8_080));
  t.equal(first.id, unset(0).nodeId);
  const second = await claimNodeName(unset(8_081));
  t.equal(second.id, isLinux ? `${first.id}-8081` : first.id);
  await first.stop();
  const again = await claimNodeName(unset(8_082));
  t.equal(again.id, first.id, 'it is free again');
  await Promise.all([second.stop(), again.stop()]);
});

t.test('a name that was given is taken as it is', async (t) => {
  const given = { nodeId: 'given', nodeIdFrom: 'NODE_ID', port: 1 } as const;
  const [one, other] = await Promise.all([claimNodeName(given), claimNodeName(given)]);
  t.same([one.id, other.id], ['given', 'given']);
  await Promise.all([one.stop(), other.stop()]);
});
