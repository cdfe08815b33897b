/** Messages as server-sent events: `id:` is where to go on from, `data:` the frame as WebSockets get it. */
import { eventOfMessage, type FrameForm } from '../../wire/event-of-message.js';
import { sequenceOf, splitFrames } from './publish-log.js';

/** How events of one stream are written. */
export interface EventForm {
  epoch: string;
  form: FrameForm;
}

/** Joined JSON frames of one topic, an event for each. */
export function eventsOf(frames: Uint8Array, { epoch, form }: EventForm): Uint8Array {
  let text = '';
  for (const frame of splitFrames(frames)) {
    const data = form === 'event' ? eventOfMessage(frame) : textOf(frame);
    text += `id: ${epoch}:${sequenceOf(frame)}\nevent: message\n${dataLines(data)}\n`;
  }
  return Buffer.from(text);
}

function textOf({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString('utf8');
}

/** One `data:` line for each line of the text, as the format asks. */
export function dataLines(text: string): string {
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}\n`)
    .join('');
}
