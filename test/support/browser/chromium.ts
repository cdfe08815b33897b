/**
 * A real browser: the system's Chromium, else the one that the npm package brings, which needs neither root
 * nor anything of the system. Pages of it keep what they said to the console, and what broke in them.
 */
import npmChromium from '@sparticuz/chromium';
import { type Browser as Chromium, chromium, type Page } from 'playwright-core';
import { findProgram } from '../../../native-bench/peers/installed-program.js';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
/** A loaded machine is slow, and nothing here is a matter of time. */
const PATIENCE_MS = 60_000;

export type { Chromium };

export interface BrowserPage {
  page: Page;
  /** Errors of the console, and what was thrown and not caught. */
  errors: string[];
}

export async function startChromium(): Promise<Chromium> {
  const found = NAMES.map((name) => findProgram(name)).find((one) => one !== null) ?? null;
  const isRoot = process.getuid?.() === 0;
  if (found !== null) {
    return chromium.launch({ executablePath: found, args: isRoot ? ['--no-sandbox'] : [] });
  }
  const executablePath = await npmChromium.executablePath();
  return chromium.launch({ executablePath, args: npmChromium.args });
}

/** In a profile of its own. */
export async function openPage(
  browser: Chromium,
  options: NonNullable<Parameters<Chromium['newContext']>[0]> = {},
): Promise<BrowserPage> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const errors: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(`${page.url()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => errors.push(`${page.url()}: ${error.message}`));
  return { page, errors };
}
