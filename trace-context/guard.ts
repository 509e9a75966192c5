import { warn } from "./warn.ts";

/** After this many internal errors a guard lets nothing of ours run again. */
const INTERNAL_ERRORS_MAX = 10;

/**
 * Runs tracing code so that no error of ours can reach the app.
 *
 * Never throws. The first error is told, once; after ten the guard is open for good and
 * {@link Guard.isOpen} tells interceptors to call straight through.
 */
export class Guard {
  #errors = 0;

  /** True once tracing has switched itself off. */
  get isOpen(): boolean {
    return this.#errors >= INTERNAL_ERRORS_MAX;
  }

  /** Returns what `run` returns, or `undefined` when it throws or the guard is open. */
  try<T>(run: () => T): T | undefined {
    if (this.isOpen) return undefined;
    try {
      return run();
    } catch (error) {
      this.record(error);
      return undefined;
    }
  }

  /** Counts an error that was caught elsewhere. */
  record(error: unknown): void {
    this.#errors++;
    if (this.#errors !== 1) return;
    warn("tracing failed; the message went on untraced. After 10 such errors tracing stops.", error);
  }
}
