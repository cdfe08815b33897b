/** Looks at a page as axe does, in both themes and at three widths, for whoever cannot see it well. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const WIDTHS = [320, 768, 1440] as const;
const THEMES = ['dark', 'light'] as const;
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

interface Violation {
  id: string;
  impact: string | null;
  nodes: { html: string; failureSummary?: string }[];
}

/** What is wrong, a line each; none is nothing. The page is left dark and wide. */
export async function auditPage(page: Page): Promise<string[]> {
  const found: string[] = [];
  // A script that is put into the page would break its policy.
  await page.evaluate(AXE);
  for (const colorScheme of THEMES) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.locator(`html[data-theme=${colorScheme}]`).waitFor({ state: 'attached' });
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 });
      const over = await page.evaluate(
        'document.documentElement.scrollWidth - document.documentElement.clientWidth',
      );
      if (over !== 0) found.push(`${colorScheme} ${width}: ${String(over)} pixels too wide`);
      const ask = `axe.run(document, { runOnly: ${JSON.stringify(RULES)}, resultTypes: ['violations'] })`;
      const { violations } = (await page.evaluate(ask)) as { violations: Violation[] };
      found.push(
        ...violations.flatMap(({ id, impact, nodes }) =>
          nodes
            .slice(0, 3)
            .map(({ html }) => `${colorScheme} ${width}: ${id} (${impact}): ${html.slice(0, 200)}`),
        ),
      );
    }
  }
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.setViewportSize({ width: 1440, height: 900 });
  return found;
}
