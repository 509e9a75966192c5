/** Counts the bytes between the sources and Postgres, so that a backlog waits in Kafka and not in memory. */
export class ByteBudget {
  readonly #bytesMax: number;
  #bytes = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get bytesMax(): number {
    return this.#bytesMax;
  }

  /** True while more may be taken in. One piece may always pass: a single one larger than the budget must not wait for ever. */
  get hasRoom(): boolean {
    return this.#bytes === 0 || this.#bytes < this.#bytesMax;
  }

  take(bytes: number): void {
    this.#bytes += bytes;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
    if (!this.hasRoom) return;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Resolves when there is room, or after `timeoutMs`. */
  async room(timeoutMs: number): Promise<void> {
    if (this.hasRoom) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
