/** A file of its own: the client's types need it, and nothing that reads frames. */

/**
 * The client's own mark on a frame, comes back as sent: at most 255 characters, or a number. A bigint is
 * one beyond 32 bits that came as a 64-bit integer of msgpack, and within +-(2^53-1) as all are.
 */
export type Ref = string | number | bigint | null;
