import { setTimeout as pause } from "node:timers/promises";

/** How long to wait, and how often to look. */
export interface WaitOptions {
  readonly timeoutMs: number;
  /** Default 50. */
  readonly intervalMs?: number;
}

/**
 * Waits until `look` returns something else than undefined or false, and returns that.
 *
 * `what` completes the sentence "... did not happen within n s". An error of `look` is not waited away.
 */
export async function waitUntil<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  { timeoutMs, intervalMs = 50 }: WaitOptions,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (Date.now() > deadline) throw new Error(`${what} did not happen within ${timeoutMs / 1000} s.`);
    await pause(intervalMs);
  }
}
