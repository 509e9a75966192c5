import type { PartOutcome, WritePart } from "../span/write-part.ts";
import type { WriteBatch, WriteResult } from "./batch.ts";

/** A write slower than this halves the next one; every other one lets it grow by a tenth. */
const SLOW_WRITE_MS = 2_000;
const ROWS_MIN = 50;

export interface LaneOptions {
  /** Rows of one write, at most. */
  readonly rowsMax: number;
  /** Writes a batch, however often it has to try; rejects only when the writer is closed. */
  write(batch: WriteBatch): Promise<WriteResult>;
}

interface Waiting {
  readonly part: WritePart;
  readonly resolve: (outcome: PartOutcome) => void;
}

/**
 * Gathers parts into writes, and does one write after the other.
 *
 * A source partition has one lane, so its parts are written in the order in which they came. Nothing waits for company:
 * while one write runs, the next one gathers, and an idle lane writes at once.
 */
export class Lane {
  readonly #options: LaneOptions;
  readonly #waiting: Waiting[] = [];
  #rowsMax: number;
  #isWriting = false;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#rowsMax = options.rowsMax;
  }

  /** Resolves when the part is durable or fenced, or when the store stops before it is. */
  submit(part: WritePart): Promise<PartOutcome> {
    return new Promise((resolve) => {
      this.#waiting.push({ part, resolve });
      if (!this.#isWriting) void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    this.#isWriting = true;
    try {
      while (this.#waiting.length > 0) await this.#writeNext();
    } finally {
      this.#isWriting = false;
    }
  }

  async #writeNext(): Promise<void> {
    const taken = this.#take();
    const startedAt = performance.now();
    const result = await this.#write(taken.map(({ part }) => part));
    this.#adapt(performance.now() - startedAt);
    const fenced = new Set(result?.fenced);
    for (const { part, resolve } of taken) {
      if (result === undefined) resolve("stopped");
      else resolve(part.advance !== null && fenced.has(part.advance) ? "fenced" : "stored");
    }
  }

  /** `undefined` when the store stops: whatever is not in is still in Kafka, or with the sender. */
  async #write(parts: readonly WritePart[]): Promise<WriteResult | undefined> {
    try {
      return await this.#options.write({ parts });
    } catch {
      return undefined;
    }
  }

  /** Takes parts up to the size of a write, and one at least. */
  #take(): Waiting[] {
    let rows = 0;
    let count = 0;
    for (const { part } of this.#waiting) {
      if (count > 0 && rows + part.rows.length > this.#rowsMax) break;
      rows += part.rows.length;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  #adapt(tookMs: number): void {
    const next = tookMs > SLOW_WRITE_MS ? this.#rowsMax / 2 : this.#rowsMax * 1.1;
    this.#rowsMax = Math.round(Math.min(this.#options.rowsMax, Math.max(ROWS_MIN, next)));
  }
}
