/** Flame graphs of a profile: callers above, what they call below, as wide as their share. */
import type { Call, Profile } from '../profiles/profile.js';
import type { Chart } from './charts.js';
import { escaped } from './markup.js';
import { THEMES, type Theme } from './theme.js';

interface Bar {
  call: Call;
  depth: number;
  /** Shares of the root. */
  from: number;
  to: number;
}

interface Drawing {
  /** SVG elements, the first bar at 0, 0. */
  content: string;
  height: number;
}

/** What is narrower than this share, or deeper, is not drawn. */
const SHARE_MIN = 0.006;
const DEPTH_MAX = 18;
const WIDTH = 960;
const BAR_HEIGHT = 17;
const FONT = 'font-family="monospace" font-size="10"';
/** Of the font: what fits is known by its count. */
const LETTER_WIDTH = 6.05;
/** A shorter text says nothing. */
const LETTERS_MIN = 5;
const MARGIN = 10;
const TITLE_HEIGHT = 20;

/** Without its title: who shows it has a place for that. */
export function flameGraph(profile: Profile): Chart {
  const [light, dark] = [THEMES.light, THEMES.dark].map((theme) => {
    const { content, height } = draw(profile.root, theme);
    return svgOf(content, WIDTH, height);
  });
  return { title: titleOf(profile), light: light ?? '', dark: dark ?? '' };
}

/** All one below the other, each under its title; an SVG file that is read on any ground. */
export function flameSheet(heading: string, profiles: readonly Profile[]): string {
  let y = MARGIN + TITLE_HEIGHT;
  const parts = [titleAt(y, heading, 14)];
  for (const profile of profiles) {
    y += MARGIN + TITLE_HEIGHT;
    parts.push(titleAt(y, titleOf(profile), 12));
    const { content, height } = draw(profile.root, THEMES.light);
    y += MARGIN / 2;
    parts.push(`<g transform="translate(${MARGIN} ${y})">\n${content}\n</g>`);
    y += height;
  }
  const [width, height] = [WIDTH + 2 * MARGIN, y + MARGIN];
  const ground = `<rect width="${width}" height="${height}" fill="#fff"/>`;
  return `${svgOf([ground, ...parts].join('\n'), width, height)}\n`;
}

function svgOf(content: string, width: number, height: number): string {
  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size}>\n${content}\n</svg>`;
}

function titleAt(y: number, title: string, size: number): string {
  const font = `font-family="sans-serif" font-size="${size}" fill="${THEMES.light.text}"`;
  return `<text x="${MARGIN}" y="${y}" ${font}>${escaped(title)}</text>`;
}

/** Texts lie above all bars and are no target: the bar below says its whole name. */
function draw(root: Call, theme: Theme): Drawing {
  const bars = barsOf(root);
  const rows = Math.max(0, ...bars.map(({ depth }) => depth)) + 1;
  const rects = bars.map((bar) => rectOf(bar, theme)).join('\n');
  const texts = bars.map(textOf).filter((text) => text !== '');
  const content = `<g fill-opacity="0.55">\n${rects}\n</g>
<g ${FONT} fill="${theme.text}" pointer-events="none">\n${texts.join('\n')}\n</g>`;
  return { content, height: rows * BAR_HEIGHT };
}

function barsOf(root: Call): Bar[] {
  const bars: Bar[] = [];
  const add = (call: Call, depth: number, from: number): void => {
    const width = call.value / root.value;
    if (!(width >= SHARE_MIN) || depth > DEPTH_MAX) return;
    bars.push({ call, depth, from, to: from + width });
    let at = from;
    for (const one of call.calls) {
      add(one, depth + 1, at);
      at += one.value / root.value;
    }
  };
  add(root, 0, 0);
  return bars;
}

function rectOf(bar: Bar, theme: Theme): string {
  const { call, depth, from, to } = bar;
  const place = `x="${tenths(from * WIDTH)}" y="${depth * BAR_HEIGHT}"`;
  const size = `width="${tenths((to - from) * WIDTH - 0.5)}" height="${BAR_HEIGHT - 1}"`;
  const title = `<title>${escaped(labelOf(bar))}</title>`;
  return `<rect ${place} ${size} fill="${colorOf(call, theme)}">${title}</rect>`;
}

/** Cut to what fits; empty when that is too little. */
function textOf(bar: Bar): string {
  const label = labelOf(bar);
  const letters = Math.floor(((bar.to - bar.from) * WIDTH - 4) / LETTER_WIDTH);
  if (letters < LETTERS_MIN) return '';
  const text = label.length <= letters ? label : `${label.slice(0, letters - 2)}..`;
  const place = `x="${tenths(bar.from * WIDTH + 2)}" y="${bar.depth * BAR_HEIGHT + 12}"`;
  return `<text ${place}>${escaped(text)}</text>`;
}

function labelOf({ call, from, to }: Bar): string {
  return `${call.name} ${((to - from) * 100).toFixed(1)} %`;
}

/** The same folder, module or package has the same colour; V8's own is grey. */
function colorOf({ home }: Call, { colors }: Theme): string {
  const grey = colors.at(-1) ?? '';
  if (home === '') return grey;
  let sum = 0;
  for (const letter of home) sum = (sum * 31 + letter.charCodeAt(0)) % 65_521;
  return colors[sum % (colors.length - 1)] ?? grey;
}

function titleOf({ thread, of, root }: Profile): string {
  const what = of === 'cpu' ? 'CPU' : 'allocation';
  return `${what} of ${thread}: ${totalOf(of, root)}`;
}

function totalOf(of: Profile['of'], { value }: Call): string {
  return of === 'cpu' ? `${(value / 1e6).toFixed(1)} s busy` : `${(value / 1e6).toFixed(0)} MB`;
}

function tenths(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}
