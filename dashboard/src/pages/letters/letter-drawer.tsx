/** One dead letter: why, what it holds, giving it back, and a changed copy that refers to it. */
import { useState } from 'react';
import { Link } from 'wouter';
import { ask } from '../../api/ask.js';
import { jsonText } from '../../api/json.js';
import { countText, ofMany } from '../../api/texts.js';
import type { Letter, Published } from '../../api/views.js';
import { Button } from '../../components/button.js';
import { Facts } from '../../components/card.js';
import { Dialog } from '../../components/dialog.js';
import { AreaField, CheckField } from '../../components/field.js';
import { Failure, Loading } from '../../components/notice.js';
import { TimeText } from '../../components/time-text.js';
import { useAnswer, useChange } from '../../hooks/use-answer.js';
import { useCaller } from '../../hooks/use-caller.js';
import { shownText } from '../messages/message-columns.js';
import { Payload } from '../messages/message-drawer.js';
import { parsePayload } from '../playground/publish-body.js';

/** Of the copy: the message that it was made of. */
const REFERS = 'conduit-edited-from';

export function LetterDrawer({ id, onClose }: { id: string; onClose: () => void }) {
  const { data, error } = useAnswer<Letter>(`/api/dead-letters/${id}`, { everyMs: 0 });
  return (
    <Dialog shape="drawer" title={`Dead letter ${id}`} onClose={onClose}>
      {data === undefined && error === null ? <Loading rows={8} /> : null}
      {error === null ? null : <Failure error={error} />}
      {data === undefined ? null : <Parts letter={data} onClose={onClose} />}
    </Dialog>
  );
}

function Parts({ letter, onClose }: { letter: Letter; onClose: () => void }) {
  const { may } = useCaller();
  const [isEditing, setEditing] = useState(false);
  const back = useChange(
    () => ask('POST /api/dead-letters/redrive', { body: { ids: [letter.id] } }),
    onClose,
  );
  const end = useChange(() => ask<void>(`DELETE /api/dead-letters/${letter.id}`), onClose);
  const error = back.error ?? end.error;
  return (
    <div className="space-y-6">
      <Why letter={letter} />
      {error === null ? null : <Failure error={error} />}
      {isEditing ? (
        <EditAndRetry letter={letter} onCancel={() => setEditing(false)} />
      ) : (
        <>
          <div className="flex flex-wrap gap-2">
            {may('manage') ? (
              <Button
                look="main"
                icon="retry"
                disabled={back.isPending}
                onClick={() => back.mutate(undefined)}
              >
                Give it back
              </Button>
            ) : null}
            {may('publish') ? (
              <Button onClick={() => setEditing(true)}>Edit and retry</Button>
            ) : null}
            {may('manage') ? (
              <Button
                look="danger"
                icon="trash"
                disabled={end.isPending}
                onClick={() => end.mutate(undefined)}
              >
                Delete
              </Button>
            ) : null}
          </div>
          <section>
            <h3 className="mb-2 font-semibold">What it holds</h3>
            <Payload payload={letter.payload} />
          </section>
        </>
      )}
    </div>
  );
}

function Why({ letter }: { letter: Letter }) {
  const { topic, sequence, message_id: message } = letter;
  return (
    <Facts
      facts={[
        ['Topic', topic],
        [
          'Message',
          <Link
            key="m"
            href={`/messages?topic=${topic}&message=${message}`}
            className="text-accent underline"
          >
            sequence {countText(sequence)}
          </Link>,
        ],
        ['Subscription', letter.subscription ?? 'without a name'],
        ['Why', <bdi key="why">{shownText(letter.reason)}</bdi>],
        [
          'It said',
          <bdi key="said" className="break-words">
            {shownText(letter.last_error ?? 'nothing')}
          </bdi>,
        ],
        ['Attempts', ofMany(letter.attempts, 'attempt')],
        ['First failed', <TimeText key="first" time={letter.first_failed_at} />],
        ['Last failed', <TimeText key="last" time={letter.last_failed_at} />],
        ['Given back', ofMany(letter.redriven_count, 'time')],
      ]}
    />
  );
}

function EditAndRetry({ letter, onCancel }: { letter: Letter; onCancel: () => void }) {
  const [text, setText] = useState(jsonText(letter.payload));
  const [isDeleting, setDeleting] = useState(true);
  const wrong = parsePayload(text);
  const publish = useChange(async () => {
    const { topic, key, headers = {}, message_id: from } = letter;
    const others = JSON.stringify({
      ...{ topic, headers: { ...headers, [REFERS]: from } },
      ...(key === undefined ? {} : { key }),
    });
    const body = `${others.slice(0, -1)},"payload":${text.trim()}}`;
    const made = await ask<Published>('POST /api/publish', { body });
    if (isDeleting) await ask(`DELETE /api/dead-letters/${letter.id}`);
    return made;
  });
  if (publish.data !== undefined) {
    const { topic, message_id: id, sequence } = publish.data;
    return (
      <p role="status" className="rounded-md border border-good/50 bg-good-wash p-4">
        Published anew as{' '}
        <Link href={`/messages?topic=${topic}&message=${id}`} className="font-medium underline">
          sequence {countText(sequence)}
        </Link>
        ; its header {REFERS} names the old one.
      </p>
    );
  }
  return (
    <form
      className="space-y-3"
      onSubmit={(event) => {
        event.preventDefault();
        publish.mutate(undefined);
      }}
    >
      <AreaField
        label="Payload, JSON"
        rows={12}
        wrong={wrong}
        hint="It is a new message, at the end of the topic and for all its subscriptions."
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <CheckField
        label="Delete this dead letter once it is published"
        checked={isDeleting}
        onChange={(event) => setDeleting(event.target.checked)}
      />
      {publish.error === null ? null : <Failure error={publish.error} />}
      <div className="flex gap-2">
        <Button type="submit" look="main" disabled={wrong !== null || publish.isPending}>
          Publish the changed one
        </Button>
        <Button onClick={onCancel}>Cancel</Button>
      </div>
    </form>
  );
}
