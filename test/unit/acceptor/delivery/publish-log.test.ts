// Goal: when a socket refuses bytes that went to several groups, how far its own group had got is told.
import t from 'tap';
import { PublishLog } from '../../../../src/acceptor/delivery/publish-log.js';
import type {
  EventReceiver,
  ReceiverSubscription,
  SocketGroup,
} from '../../../../src/acceptor/delivery/receiver.js';
import { KIND_JSON } from '../../../../src/acceptor/delivery/receiver-kind.js';
import { SocketGroupOf } from '../../../../src/acceptor/delivery/socket-group.js';
import { openLink } from '../../../support/nodes/acceptor-link.js';

const { link, close } = openLink();
t.teardown(close);

const frame = (sequence: number): Uint8Array => {
  const id = `019a0000-0000-7000-8000-${String(sequence).padStart(12, '0')}`;
  return Buffer.from(`{"type":"message","message_id":"${id}","sequence":${sequence}}`);
};

t.test('the same chunks to two groups, one after the other', async (t) => {
  const [mine, other] = [
    new SocketGroupOf<EventReceiver, ReceiverSubscription>(link, 1, 1),
    new SocketGroupOf<EventReceiver, ReceiverSubscription>(link, 1, 2),
  ];
  const log = new PublishLog();
  const add = (group: SocketGroup, first: number): void => {
    log.add({ group, kind: KIND_JSON, first, frames: frame(first) });
    group.published(KIND_JSON, first);
  };
  for (const first of [5, 6, 7]) add(mine, first);
  for (const first of [5, 6, 7]) add(other, first);
  for (const group of [mine, other]) {
    const place = log.find(frame(6), KIND_JSON, [group]);
    t.equal(log.lastBefore(place, group, KIND_JSON), 5);
  }
  t.equal(log.find(frame(6), KIND_JSON, []), -1, 'nobody of its groups');
  t.equal(log.find(frame(9), KIND_JSON, [mine]), -1, 'not published');
});
