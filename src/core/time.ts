/** RFC 3339 times at the edge; within the product time is Unix milliseconds. */

const PATTERN =
  /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:[Zz]|([+-])(\d\d):(\d\d))$/;
const TEXT_CHARS_MAX = 64;
const MINUTE_MS = 60_000;

const SECOND_MS = 1_000;

let lastMs = Number.NaN;
let lastText = '';
let lastSecond = Number.NaN;
/** `lastSecond` up to and with the point before the milliseconds. */
let lastPrefix = '';

/**
 * `2026-01-31T12:00:00.000Z` for an integer of Unix milliseconds; 24 characters for the years 0 to
 * 9999. The last answer is kept, since a batch shares one time, and so is its second (Date writes one
 * in 400 ns). Throws RangeError outside the range of Date.
 */
export function isoTime(ms: number): string {
  if (ms === lastMs) return lastText;
  const second = Math.floor(ms / SECOND_MS);
  if (second !== lastSecond) {
    lastPrefix = new Date(second * SECOND_MS).toISOString().slice(0, -4);
    lastSecond = second;
  }
  lastText = `${lastPrefix}${String(ms - second * SECOND_MS).padStart(3, '0')}Z`;
  lastMs = ms;
  return lastText;
}

/**
 * Unix milliseconds of an RFC 3339 time (section 5.6), fractions cut to milliseconds; a leap second
 * counts as the next one. Null: not such a time, or no such day. May be negative.
 */
export function parseRfc3339(text: string): number | null {
  if (text.length > TEXT_CHARS_MAX) return null;
  const parts = PATTERN.exec(text);
  if (parts === null) return null;
  const [, year, month, day, hour, minute, second, fraction, sign, offsetHour, offsetMinute] =
    parts;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return null;
  if (Number(offsetHour ?? 0) > 23 || Number(offsetMinute ?? 0) > 59) return null;

  const date = new Date(0);
  // setUTCFullYear and not Date.UTC: that takes the years 0 to 99 for 1900 to 1999.
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return null;
  const millisecond = Number((fraction ?? '').slice(0, 3).padEnd(3, '0'));
  const localMs = date.setUTCHours(Number(hour), Number(minute), Number(second), millisecond);
  const offsetMs = (Number(offsetHour ?? 0) * 60 + Number(offsetMinute ?? 0)) * MINUTE_MS;
  return sign === '-' ? localMs + offsetMs : localMs - offsetMs;
}
