// Goal: what a chunk is for streams of server-sent events is made once, however many of them there are.
import t from 'tap';
import { GroupChunk } from '../../../../src/acceptor/delivery/group-chunk.js';
import { ENCODING_JSON } from '../../../../src/thread/ops/encoding.js';
import { openLink } from '../../../support/nodes/acceptor-link.js';

const { link, close } = openLink();
t.teardown(close);

const frames = Buffer.from(
  ['{"payload":"a\\n","sequence":5}', '{"payload":[1,\n2],"sequence":6}'].join('\u001e'),
);
const fields = { topicNo: 1, encoding: ENCODING_JSON, firstSequence: 5, lastSequence: 6 } as const;

t.test('text for all streams of an epoch', async (t) => {
  const chunk = new GroupChunk(link, { ...fields, frames });
  const events = chunk.events({ epoch: 'e', form: 'message' });
  t.equal(
    String(events),
    'id: e:5\nevent: message\ndata: {"payload":"a\\n","sequence":5}\n\n' +
      'id: e:6\nevent: message\ndata: {"payload":[1,\ndata: 2],"sequence":6}\n\n',
  );
  t.equal(chunk.events({ epoch: 'e', form: 'message' }), events, 'the same bytes');
  t.match(String(chunk.events({ epoch: 'f', form: 'message' })), /^id: f:5\n/);
});
