/** What GET /metrics answered, as numbers. */
import t from 'tap';
import type { TestNode } from '../../../native-bench/rig/node.js';

const LINE = /^([a-z_]+)(\{.*\})? (\S+)$/;

export class Exposition {
  readonly text: string;
  /** By name and labels, as they stand there. */
  readonly values = new Map<string, number>();

  constructor(text: string) {
    this.text = text;
    for (const line of text.split('\n')) {
      const [, name = '', labels = '', value = ''] = LINE.exec(line) ?? [];
      if (name !== '') this.values.set(`${name}${labels}`, Number(value));
      else if (line !== '' && !line.startsWith('# ')) throw new Error(`no metric: ${line}`);
    }
  }

  static async of(node: Pick<TestNode, 'url'>, headers: Record<string, string> = {}) {
    const answer = await fetch(`${node.url}/metrics`, { headers });
    if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`);
    t.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    return new Exposition(await answer.text());
  }

  /** Names of series. */
  get names(): Set<string> {
    return new Set([...this.values.keys()].map((key) => key.replace(/\{.*/, '')));
  }

  /** NaN: there is no such series. */
  get(series: string): number {
    return this.values.get(series) ?? Number.NaN;
  }

  /** Of all series of that name. */
  sum(name: string): number {
    const own = [...this.values].filter(([key]) => key.replace(/\{.*/, '') === name);
    return own.reduce((sum, [, value]) => sum + value, 0);
  }
}
