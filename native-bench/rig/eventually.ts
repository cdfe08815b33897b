/** Waits for what must become true; never a bare sleep. */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 30_000,
): Promise<void> {
  const until = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > until) {
      throw new Error(`not within ${timeoutMs} ms: ${condition.toString().slice(0, 200)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
