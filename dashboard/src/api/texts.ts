/** How figures, times and bytes are written. */

const COMPACT = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const WHOLE = new Intl.NumberFormat('en');
const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
const CLOCK = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hour12: false,
});

/** 12,345 up to a hundred thousand, then 123K. */
export function countText(value: number): string {
  return Math.abs(value) < 100_000 ? WHOLE.format(Math.round(value)) : COMPACT.format(value);
}

/** Of a rate: one digit behind the point while it is small. */
export function rateText(value: number): string {
  return value > 0 && value < 100 ? value.toFixed(1) : countText(value);
}

export function bytesText(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value >= 1_024 && unit < BYTE_UNITS.length - 1) {
    value /= 1_024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${BYTE_UNITS[unit]}`;
}

/** 0.4 ms, 12 s, 3 min, 5 h, 2 d. */
export function durationText(ms: number): string {
  if (ms < 1) return `${ms.toFixed(1)} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const s = ms / 1_000;
  if (s < 60) return `${s < 10 ? s.toFixed(1) : Math.round(s)} s`;
  if (s < 3_600) return `${Math.floor(s / 60)} min`;
  if (s < 86_400) return `${Math.floor(s / 3_600)} h ${Math.floor((s % 3_600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3_600)} h`;
}

/** `in 3 s`, `12 s ago`, `now`. */
export function distanceText(ms: number): string {
  if (Math.abs(ms) < 1_000) return 'now';
  const s = Math.floor(Math.abs(ms) / 1_000);
  const text = s < 60 ? `${s} s` : durationText(s * 1_000);
  return ms > 0 ? `${text} ago` : `in ${text}`;
}

export function clockText(ms: number): string {
  return CLOCK.format(ms);
}

/** `1 session`, `3 sessions`. */
export function ofMany(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`;
}
