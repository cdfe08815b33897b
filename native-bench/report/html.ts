/** A report as one HTML file that needs nothing else: tables, goals, charts, light and dark. */
import type { Outcome, Row } from '../runner.js';
import { type Chart, chartsOf } from './charts.js';
import { factsOf } from './facts.js';
import { flameGraph } from './flame-graph.js';
import { escaped } from './markup.js';
import type { Report } from './report.js';
import { notesOf, partTables, syncsOf, type Table, tableOf } from './table.js';

const STYLE = `
:root { color-scheme: light dark; --line: #ccc; --soft: #666; --good: #2d7a46; --bad: #b2353c; }
@media (prefers-color-scheme: dark) {
  :root { --line: #444; --soft: #aaa; --good: #74c08d; --bad: #e3868b; }
}
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2em auto; padding: 0 1em; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: 3px 10px 3px 0; text-align: left;
  vertical-align: top; }
.soft { color: var(--soft); }
.met { color: var(--good); }
.not-met, .trouble { color: var(--bad); }
figure { margin: 1em 0; }
figcaption { color: var(--soft); }
svg { max-width: 100%; height: auto; }
.dark { display: none; }
@media (prefers-color-scheme: dark) { .dark { display: block; } .light { display: none; } }
`;

export async function htmlOf(report: Report): Promise<string> {
  const { outcomes, startedAt, code } = report;
  const title = `Conduit benchmark, ${startedAt.slice(0, 10)}, ${code.commit}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escaped(title)}</h1>
${tableHtml({ head: [], lines: factsOf(report) })}
${outcomes.map(sectionOf).join('\n')}
</body>
</html>
`;
}

function sectionOf(outcome: Outcome): string {
  const { scenario, rows } = outcome;
  return `<h2>${escaped(scenario.name)}</h2>
<p>${escaped(scenario.measures)}</p>
${tableHtml(tableOf(outcome))}
${listHtml('trouble', rows.flatMap(notesOf))}
${goalsHtml(outcome)}
${rows.map(partsHtml).join('')}
${chartsOf(outcome).map(chartHtml).join('\n')}
${rows.map(profilesHtml).join('')}
<p class="soft">What is on the disk before the answer, and versions:</p>
${listHtml('soft', syncsOf(rows))}`;
}

function goalsHtml({ goals }: Outcome): string {
  if (goals.length === 0) return '';
  const lines = goals.map(({ text, met, measured }) => {
    const name = met === null ? 'soft' : met ? 'met' : 'not-met';
    const word = met === null ? 'not measured' : met ? 'met' : 'not met';
    return `<li class="${name}">${escaped(text)}: ${word} (${escaped(measured)})</li>`;
  });
  return `<ul>${lines.join('\n')}</ul>`;
}

function partsHtml(row: Row): string {
  const parts = partTables(row);
  return parts
    .map(({ title, table }) => `<h3>${escaped(title)}</h3>\n${tableHtml(table)}`)
    .join('');
}

function profilesHtml({ entry, profiled }: Row): string {
  if (profiled === null || profiled.profiles.length === 0) return '';
  const graphs = profiled.profiles.map((profile) => chartHtml(flameGraph(profile)));
  return `<details><summary>${escaped(entry.name)}, by function</summary>${graphs.join('\n')}</details>`;
}

function chartHtml({ title, light, dark }: Chart): string {
  return `<figure><figcaption>${escaped(title)}</figcaption>
<div class="light">${light}</div><div class="dark">${dark}</div></figure>`;
}

function tableHtml({ head, lines }: Table): string {
  const row = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`;
  const top = head.length === 0 ? '' : `<thead>${row(head, 'th')}</thead>`;
  const body = lines.map((cells) => row(cells, 'td')).join('\n');
  return `<div class="wide"><table>${top}<tbody>${body}</tbody></table></div>`;
}

function listHtml(name: string, lines: readonly string[]): string {
  if (lines.length === 0) return '';
  return `<ul class="${name}">${lines.map((line) => `<li>${escaped(line)}</li>`).join('\n')}</ul>`;
}
