/** What requests to webhooks of this acceptor came to, and how long they took: plain numbers. */
import { eachMember } from '../../core/each-member.js';
import { Histogram } from '../../observe/histogram.js';
import { DURATION_BOUNDS, type SentResult, WEBHOOK_RESULTS } from '../../observe/metrics.js';
import type { Outcome } from './outcome.js';

const MS_PER_S = 1_000;

export class WebhookFigures {
  readonly results: Record<SentResult, number> = eachMember(WEBHOOK_RESULTS, () => 0);
  readonly seconds = new Histogram(DURATION_BOUNDS);

  outcome(outcome: Outcome, ms: number): void {
    this.results[outcome.what === 'failed' ? outcome.kind : outcome.what]++;
    this.seconds.observe(ms / MS_PER_S);
  }
}
