// Goal: sessions that get a frame for each message get them all, in order: some in each turn, the rest
// at once when somebody must not wait; a chunk is done with exactly once.

import uWS from 'uWebSockets.js';
import t from 'tap';
import { eventually } from '../../../../native-bench/rig/eventually.js';
import { GroupChunk } from '../../../../src/acceptor/delivery/group-chunk.js';
import { PublishLog } from '../../../../src/acceptor/delivery/publish-log.js';
import type {
  EventReceiver,
  ReceiverSubscription,
} from '../../../../src/acceptor/delivery/receiver.js';
import { KIND_SINGLE } from '../../../../src/acceptor/delivery/receiver-kind.js';
import { SingleFramePump } from '../../../../src/acceptor/delivery/single-frame-pump.js';
import { SocketGroupOf } from '../../../../src/acceptor/delivery/socket-group.js';
import { ENCODING_JSON } from '../../../../src/thread/ops/encoding.js';
import { FRAME_SEPARATOR } from '../../../../src/wire/server-frame.js';
import { publisherOf } from '../../../support/clients/socket-publisher.js';
import { openLink } from '../../../support/nodes/acceptor-link.js';

const { link, close } = openLink();
t.teardown(close);

/** Two groups; each chunk has 40 messages, more than go out in a turn. */
class Rig {
  readonly groups = [
    new SocketGroupOf<EventReceiver, ReceiverSubscription>(link, 1, 1),
    new SocketGroupOf<EventReceiver, ReceiverSubscription>(link, 1, 2),
  ];
  readonly done: number[] = [];
  frames = 0;
  readonly pump = new SingleFramePump({
    // Without a WebSocket route an app has no topics to publish to.
    sockets: publisherOf(uWS.App().ws('/ws', {})),
    log: new PublishLog(),
    admit: () => undefined,
    beforePublish: () => {
      this.frames++;
    },
    onPublished: ({ op }) => this.done.push(op.firstSequence),
  });

  deliver(first: number): void {
    const lines = Array.from({ length: 40 }, (_, n) => lineOf(first + n));
    const frames = Buffer.from(lines.join(String.fromCharCode(FRAME_SEPARATOR)));
    const lastSequence = first + 39;
    const chunk = new GroupChunk(link, {
      ...{ topicNo: 1, encoding: ENCODING_JSON, firstSequence: first, lastSequence, frames },
    });
    for (const group of this.groups) this.pump.add(group, chunk);
  }

  get lasts(): number[] {
    return this.groups.map((group) => group.lastOf(KIND_SINGLE));
  }
}

t.test('what does not go out in a turn goes out in the next ones', async (t) => {
  const rig = new Rig();
  rig.deliver(1);
  t.ok(rig.frames < 80, 'not all in one turn');
  await eventually(() => rig.done.length === 2);
  t.equal(rig.frames, 80);
  t.same(rig.lasts, [40, 40]);
});

t.test('flushAll hands out all that waits, and nothing twice', async (t) => {
  const rig = new Rig();
  rig.deliver(1);
  rig.deliver(41);
  rig.pump.flushAll();
  t.same(rig.lasts, [80, 80]);
  t.same(rig.done, [1, 41, 1, 41]);
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.equal(rig.frames, 160);
});

function lineOf(sequence: number): string {
  const id = `019a0000-0000-7000-8000-${String(sequence).padStart(12, '0')}`;
  return `{"type":"message","message_id":"${id}","sequence":${sequence}}`;
}
