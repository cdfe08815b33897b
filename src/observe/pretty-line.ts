/** A line of the log for people, from the JSON of it: one line each, but for a stack. */
import { lineText } from '../core/line-text.js';

const LEVELS: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info ',
  40: 'WARN ',
  50: 'ERROR',
  60: 'FATAL',
};
const TIME_AT = 'yyyy-mm-ddT'.length;
const TIME_END = 'yyyy-mm-ddThh:mm:ss.mmm'.length;
const TEXT_MAX = 4_096;

interface Line {
  level: number;
  time: string;
  msg: string;
  event: string;
  err?: { message?: string; stack?: string };
  [field: string]: unknown;
}

export function prettyLine(json: string): string {
  const { level, time, msg, event, node: _, stack, err, ...fields } = JSON.parse(json) as Line;
  const shown = Object.entries(fields).map(([name, value]) => `  ${name}=${textOf(value)}`);
  const cause = err?.message === undefined ? '' : `  ${textOf(err.message)}`;
  const head = `${time.slice(TIME_AT, TIME_END)} ${LEVELS[level] ?? level} ${textOf(msg)}`;
  const tail = `${shown.join('')}  (${event})\n`;
  return head + cause + tail + stackText(stack ?? err?.stack);
}

function textOf(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return lineText(text, TEXT_MAX);
}

function stackText(stack: unknown): string {
  if (typeof stack !== 'string') return '';
  const lines = stack.slice(0, TEXT_MAX).split('\n');
  return lines.map((line) => `    ${textOf(line.trim())}\n`).join('');
}
