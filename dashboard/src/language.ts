/**
 * A browser of the locale POSIX names a language that Intl refuses (`en-US@posix`), and uPlot asks Intl for
 * it as soon as it is loaded: the whole page would be gone.
 */
export function mendLanguage(): void {
  try {
    Intl.getCanonicalLocales(navigator.language);
  } catch {
    Object.defineProperty(navigator, 'language', { value: 'en', configurable: true });
  }
}
