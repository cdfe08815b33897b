/** Messages as server-sent events: `id:` is where to go on from, `data:` the frame as WebSockets get it. */
import { sequenceOf, splitFrames } from './publish-log.js';

/** Joined JSON frames of one topic, an event for each. */
export function eventsOf(frames: Uint8Array, epoch: string): Uint8Array {
  let text = '';
  for (const frame of splitFrames(frames)) {
    const data = Buffer.from(frame.buffer, frame.byteOffset, frame.length).toString('utf8');
    text += `id: ${epoch}:${sequenceOf(frame)}\nevent: message\n${dataLines(data)}\n`;
  }
  return Buffer.from(text);
}

/** One `data:` line for each line of the text, as the format asks. */
export function dataLines(text: string): string {
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}\n`)
    .join('');
}
