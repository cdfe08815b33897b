/** Why messages cannot be given, as subscribers are told. Stable: clients decide by them. */
export const GAP_REASONS = ['retention', 'failover', 'topic_recreated'] as const;
export type GapReason = (typeof GAP_REASONS)[number];

/** Only of event streams: what comes with Last-Event-ID is not refused, but told. */
export const STREAM_GAP_REASONS = ['ahead', 'unknown_position'] as const;
export type StreamGapReason = (typeof STREAM_GAP_REASONS)[number];
