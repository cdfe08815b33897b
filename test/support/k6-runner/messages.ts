/** What the threads of virtual users and the runner tell each other. */

export type Tags = Readonly<Record<string, string>>;

export interface Sample {
  metric: string;
  value: number;
  tags: Tags;
}

export interface HttpCall {
  method: string;
  url: string;
  headers: Readonly<Record<string, string>>;
  body: string | null;
  timeoutMs: number;
}

/** `status` 0: there was no answer, and `error` says why. */
export interface HttpAnswer {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: string;
  error: string;
  durationMs: number;
}

export type MetricKind = 'counter' | 'gauge' | 'rate' | 'trend';

export type FromVu =
  | { kind: 'ready'; options: Record<string, unknown>; metrics: Record<string, MetricKind> }
  | { kind: 'http'; call: HttpCall }
  | { kind: 'done'; samples: Sample[]; result: unknown; error: string };

/** `exec` names an export of the script. */
export interface Iterate {
  exec: string;
  argument: unknown;
  scenario: { name: string; iterationInTest: number };
}

export interface VuData {
  script: string;
  env: Readonly<Record<string, string>>;
  vu: number;
  flag: SharedArrayBuffer;
}
