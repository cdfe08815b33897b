/** Bytes as hexadecimal digits, sixteen in a line, with what they are as letters beside them. */
const LINE = 16;
const BYTES_MAX = 8_192;

export function hexText(bytes: Uint8Array): string {
  const shown = bytes.subarray(0, BYTES_MAX);
  const lines: string[] = [];
  for (let at = 0; at < shown.length; at += LINE) {
    const part = [...shown.subarray(at, at + LINE)];
    const digits = part.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const letters = part.map((byte) =>
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.',
    );
    lines.push(
      `${at.toString(16).padStart(6, '0')}  ${digits.padEnd(LINE * 3)} ${letters.join('')}`,
    );
  }
  if (bytes.length > BYTES_MAX) lines.push(`… ${bytes.length - BYTES_MAX} bytes more`);
  return lines.join('\n');
}
