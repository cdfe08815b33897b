/** How the page of the API looks. It loads nothing: the policy takes this one style, by its hash. */
import { createHash } from 'node:crypto';
import { plainPageHeaders } from '../http/security-headers.js';

export const PAGE_STYLE = `
:root{color-scheme:light dark;--page:#f5f7fa;--panel:#fff;--raised:#eef1f6;--line:#dce2eb;--ink:#131a26;--soft:#526074;
--accent:#0b6e68;--get:#11713a;--post:#1d5fb8;--patch:#8a5300;--delete:#b3202c}
@media (prefers-color-scheme:dark){:root{--page:#0a0d13;--panel:#10151d;--raised:#171e29;--line:#222b39;--ink:#e8edf5;
--soft:#9aa7bb;--accent:#4fd1c5;--get:#56d68b;--post:#7db4ff;--patch:#f2b94b;--delete:#ff8389}}
*{box-sizing:border-box}
html{scroll-padding-top:1rem}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.55 ui-sans-serif,system-ui,"Segoe UI",Roboto,Arial,sans-serif;
display:grid;grid-template-columns:17rem minmax(0,1fr)}
code,pre,.path,.verb{font-family:ui-monospace,SFMono-Regular,"JetBrains Mono",Menlo,Consolas,monospace;font-size:.9em}
code{background:var(--raised);border-radius:4px;padding:.1em .3em;overflow-wrap:anywhere}
a{color:var(--accent);text-decoration:none}
a:hover{text-decoration:underline}
a:focus-visible,summary:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:4px}
nav{position:sticky;top:0;align-self:start;height:100vh;overflow:auto;padding:1.5rem 1.25rem;border-right:1px solid var(--line);
background:var(--panel)}
nav p{margin:1.1rem 0 .25rem;font-size:.75rem;letter-spacing:.06em;text-transform:uppercase;color:var(--soft)}
nav ul{list-style:none;margin:0;padding:0}
nav li a{display:block;padding:.15rem 0;color:var(--ink);font-size:.86rem;overflow-wrap:anywhere}
nav .name{font-size:1.1rem;font-weight:650;color:var(--ink)}
main{padding:2rem clamp(1rem,4vw,3.5rem) 6rem;max-width:70rem}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .5rem;letter-spacing:-.01em}
h2{font-size:1.35rem;margin:3.5rem 0 .25rem;padding-top:1rem;border-top:1px solid var(--line)}
h3{font-size:1rem;margin:0;font-weight:600;display:flex;flex-wrap:wrap;gap:.6rem;align-items:baseline}
h4 code{text-transform:none;letter-spacing:0}
h4{font-size:.78rem;letter-spacing:.05em;text-transform:uppercase;color:var(--soft);margin:1.25rem 0 .35rem}
.lead{color:var(--soft);margin:.1rem 0 1.25rem;max-width:46rem}
article{background:var(--panel);border:1px solid var(--line);border-radius:10px;padding:1rem 1.25rem 1.1rem;margin:0 0 1rem}
article>p{margin:.35rem 0 0}
.verb{font-weight:700;text-transform:uppercase}
.get{color:var(--get)}.post{color:var(--post)}.patch{color:var(--patch)}.delete{color:var(--delete)}
.path{font-weight:600;overflow-wrap:anywhere}
.soft{color:var(--soft);font-size:.88rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.88rem}
th,td{text-align:left;vertical-align:top;padding:.4rem .75rem .4rem 0;border-bottom:1px solid var(--line)}
th{color:var(--soft);font-weight:500}
tr:last-child td{border-bottom:0}
td:first-child{white-space:nowrap}
summary{cursor:pointer;color:var(--accent);font-size:.88rem;margin-top:.8rem}
@media (max-width:56rem){body{display:block}nav{position:static;height:auto;border-right:0;border-bottom:1px solid var(--line)}
td:first-child{white-space:normal}}
@media print{nav{display:none}body{display:block}article{break-inside:avoid}}
`;

const HASH = createHash('sha256').update(PAGE_STYLE).digest('base64');

export const PAGE_HEADERS = plainPageHeaders(`sha256-${HASH}`);
