/** What is asked of browsing, what it gives, and how that changes threads as one ArrayBuffer. */

export interface BrowseAsk {
  /** Of BrowseCalls. */
  method: string;
  /** Validated by the acceptor. */
  args: Record<string, unknown>;
}

export interface Browsed {
  /** JSON text. */
  result: string;
  /** Bytes that nobody on the way looks into: JSON text that is to be sent as it is; may be empty. */
  body: Uint8Array;
}

const LENGTH_BYTES = 4;

export function packBrowsed({ result, body }: Browsed): ArrayBuffer {
  const text = Buffer.from(result, 'utf8');
  const packed = new Uint8Array(LENGTH_BYTES + text.length + body.length);
  new DataView(packed.buffer).setUint32(0, text.length);
  packed.set(text, LENGTH_BYTES);
  packed.set(body, LENGTH_BYTES + text.length);
  return packed.buffer;
}

/** Keeps `packed`: the body is a view of it. */
export function unpackBrowsed(packed: ArrayBuffer): Browsed {
  const bodyAt = LENGTH_BYTES + new DataView(packed).getUint32(0);
  return {
    result: Buffer.from(packed, LENGTH_BYTES, bodyAt - LENGTH_BYTES).toString('utf8'),
    body: new Uint8Array(packed, bodyAt),
  };
}
