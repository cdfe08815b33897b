/** The two files of a run: its data, and the page made of it. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { htmlOf } from './html.js';
import type { Report } from './report.js';

/** Writes <date>-<commit>.json and .html, with -2, -3 ... when there is one; gives the paths. */
export async function writeReport(report: Report, folder: string): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  const date = report.startedAt.slice(0, 10);
  const name = `${date}-${report.code.commit.replace('+', '-changed')}`;
  let base = path.join(folder, name);
  for (let n = 2; existsSync(`${base}.json`); n++) base = path.join(folder, `${name}-${n}`);
  writeFileSync(`${base}.json`, `${JSON.stringify(jsonOf(report), null, 2)}\n`);
  writeFileSync(`${base}.html`, await htmlOf(report));
  return [`${base}.json`, `${base}.html`];
}

/** What functions know is told by name. */
function jsonOf(report: Report): unknown {
  return {
    ...report,
    outcomes: report.outcomes.map(({ scenario, rows, goals }) => ({
      scenario: scenario.name,
      measures: scenario.measures,
      goals,
      entries: rows.map(({ entry, runs, profiled: _, ...row }) => {
        const { name, contender, env, work, against } = entry;
        const figure = entry.figure ?? scenario.figure;
        const { unit, better } = figure;
        return {
          name,
          contender,
          env: env ?? {},
          against: against ?? null,
          valid: row.summary !== null,
          ...row,
          figureOf: { name: figure.name, unit, better },
          figure: row.figure,
          work,
          runs,
        };
      }),
    })),
  };
}
