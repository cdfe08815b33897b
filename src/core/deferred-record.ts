/** A message that waits for its time, as the log has it and as its publisher is told. */

export interface DeferredRecord {
  id: number;
  topic: string;
  deliverAtMs: number;
  createdAtMs: number;
  /** Bytes of the payload. */
  bytes: number;
}

/** What becomes of a deferred publish. */
export interface DeferredPublish {
  /** It repeats the first one under its dedupe key, which this is the answer of. */
  duplicate: boolean;
  deferredId: number;
  deliverAtMs: number;
  /** Where a repeated one is in the log by now; 0: it still waits. */
  sequence: number;
  publishedAtMs: number;
  /** 16 bytes; zeros while it waits. */
  messageId: Uint8Array;
}
