/** How a message is shown in a row. */
import { jsonText } from '../../api/json.js';
import { countText } from '../../api/texts.js';
import type { Message } from '../../api/views.js';
import type { Column } from '../../components/table.js';
import { TimeText } from '../../components/time-text.js';

const CHARS_MAX = 200;

export function messageColumns(open: (id: string) => void): readonly Column<Message>[] {
  return [
    {
      name: 'Sequence',
      align: 'right',
      cell: ({ sequence, message_id: id }) => (
        <button
          type="button"
          className="min-h-6 text-accent hover:underline"
          onClick={(event) => {
            event.stopPropagation();
            open(id);
          }}
        >
          {countText(sequence)}
        </button>
      ),
    },
    { name: 'Published', cell: (message) => <TimeText time={message.published_at} /> },
    {
      name: 'Key',
      wide: 'md',
      cell: ({ key }) => <bdi className="block max-w-48 truncate">{key ?? ''}</bdi>,
    },
    { name: 'Payload', cell: ({ payload }) => <PayloadLine payload={payload} /> },
    {
      name: 'Id',
      wide: 'xl',
      cell: ({ message_id: id }) => <span className="font-mono text-xs text-soft">{id}</span>,
    },
  ];
}

/** The beginning of a payload: as text, whatever it holds, in its own direction of writing. */
export function PayloadLine({ payload }: { payload: unknown }) {
  return (
    <bdi className="block max-w-[24ch] truncate font-mono text-xs sm:max-w-[60ch] 2xl:max-w-[90ch]">
      {shownText(jsonText(payload, 'line').slice(0, CHARS_MAX))}
    </bdi>
  );
}

/** What turns or hides text is shown by its number, so that nothing passes for something else. */
export function shownText(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
