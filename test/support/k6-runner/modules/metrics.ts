/** k6/metrics: what scripts count by themselves. */
import type { MetricKind, Tags } from '../messages.js';
import { context } from './context.js';

/** Of the script that this thread runs. */
export const declared: Record<string, MetricKind> = {};

class Metric {
  readonly name: string;

  constructor(name: string, kind: MetricKind) {
    this.name = name;
    declared[name] = kind;
  }

  add(value: number | boolean, tags: Tags = {}): void {
    context.record(this.name, Number(value), tags);
  }
}

export class Counter extends Metric {
  constructor(name: string) {
    super(name, 'counter');
  }
}

export class Gauge extends Metric {
  constructor(name: string) {
    super(name, 'gauge');
  }
}

export class Rate extends Metric {
  constructor(name: string) {
    super(name, 'rate');
  }
}

export class Trend extends Metric {
  constructor(name: string) {
    super(name, 'trend');
  }
}
