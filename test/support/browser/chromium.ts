/**
 * A real browser: the system's Chromium, else the one that the npm package brings, which needs neither root
 * nor anything of the system. Pages of it keep what they said to the console, and what broke in them.
 */
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
  // Not the arguments of the package: of one process for all, it crashes where a font lacks a character.
  return chromium.launch({ ...(await unpacked()), args: ['--no-sandbox'] });
}

/**
 * The package's browser, with the libraries (NSS, NSPR) and fonts that it brings: a system that has no
 * browser has no use for them either. It unpacks its libraries where this variable names the runtime that
 * it was made for.
 */
async function unpacked(): Promise<{ executablePath: string; env: Record<string, string> }> {
  const { AWS_EXECUTION_ENV: before, ...env } = process.env;
  process.env.AWS_EXECUTION_ENV = 'AWS_Lambda_nodejs20.x';
  const executablePath = await npmChromium.executablePath();
  if (before === undefined) delete process.env.AWS_EXECUTION_ENV;
  else process.env.AWS_EXECUTION_ENV = before;
  const LD_LIBRARY_PATH = join(tmpdir(), 'al2023', 'lib');
  // The package's own names its fonts by /tmp, wherever they were unpacked. Without a font no text has a
  // size, and what has none counts as hidden.
  const FONTCONFIG_FILE = join(tmpdir(), 'fonts.conf');
  writeFileSync(FONTCONFIG_FILE, fontsIn(join(tmpdir(), 'fonts')));
  return { executablePath, env: { ...definedOf(env), FONTCONFIG_FILE, LD_LIBRARY_PATH } };
}

function fontsIn(folder: string): string {
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>${folder}</dir><cachedir>${folder}-cache</cachedir></fontconfig>
`;
}

function definedOf(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
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
