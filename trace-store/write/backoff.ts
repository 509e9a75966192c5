import { setTimeout as sleep } from "node:timers/promises";

/** Pauses between attempts: longer each time up to a limit, and anywhere between nothing and that, so that writers spread. */
export class Backoff {
  readonly #firstMs: number;
  readonly #maxMs: number;
  #tries = 0;

  constructor(firstMs: number, maxMs: number) {
    this.#firstMs = firstMs;
    this.#maxMs = maxMs;
  }

  /** Attempts that failed so far. */
  get tries(): number {
    return this.#tries;
  }

  /** Waits before the next attempt. Throws the signal's reason when it is aborted. */
  async pause(signal: AbortSignal | undefined): Promise<void> {
    const limitMs = Math.min(this.#maxMs, this.#firstMs * 2 ** Math.min(this.#tries, 16));
    this.#tries += 1;
    await sleep(Math.random() * limitMs, undefined, { signal, ref: true }).catch((fault: unknown) => {
      signal?.throwIfAborted();
      throw fault;
    });
  }
}
