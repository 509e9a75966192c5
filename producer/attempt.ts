/** Returns what `run` returns, `undefined` when it throws: for what may fail without anything being wrong with tracing. */
export function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}
