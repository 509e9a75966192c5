import type { PartOutcome, WritePart } from "../span/write-part.ts";
import { WriterClosed, type WriteBatch, type WriteResult } from "./batch.ts";

/** A write slower than this halves the next one; every other one lets it grow by a tenth of what it may be. */
const SLOW_WRITE_MS = 2_000;
const ROWS_MIN = 50;
/** What a part should hold of a write at most: one that is a whole write leaves nothing to halve. */
const PART_SHARE = 1 / 10;

export interface LaneOptions {
  /** Rows of one write, at most. */
  readonly rowsMax: number;
  /** Writes a batch, however often it has to try; rejects with {@link WriterClosed}, or for a fault of the store's own. */
  write(batch: WriteBatch): Promise<WriteResult>;
  /** Milliseconds of any origin. Default: the process's own. */
  readonly now?: () => number;
}

/** How many spans a source should put into one part, where a write has so many at most. */
export function partSpansMax(rowsMax: number): number {
  return Math.max(ROWS_MIN, Math.round(rowsMax * PART_SHARE));
}

interface Waiting {
  readonly part: WritePart;
  readonly resolve: (outcome: PartOutcome) => void;
  readonly reject: (fault: unknown) => void;
}

/**
 * Gathers parts into writes, and does one write after the other.
 *
 * A source partition has one lane, so its parts are written in the order in which they came. Nothing waits for company:
 * while one write runs, the next one gathers, and an idle lane writes at once.
 */
export class Lane {
  readonly #options: LaneOptions;
  readonly #now: () => number;
  readonly #waiting: Waiting[] = [];
  #rowsMax: number;
  #isWriting = false;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#rowsMax = options.rowsMax;
  }

  /** Resolves when the part is durable or fenced, or when the store stops before it is; rejects for a fault of the store's own. */
  submit(part: WritePart): Promise<PartOutcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ part, resolve, reject });
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
    const startedAt = this.#now();
    try {
      const { fenced } = await this.#options.write({
        parts: taken.map(({ part }) => part),
        isMoreWaiting: this.#waiting.length > 0,
      });
      const out = new Set(fenced);
      for (const { part, resolve } of taken)
        resolve(part.advance !== null && out.has(part.advance) ? "fenced" : "stored");
    } catch (fault) {
      // Stopped: whatever is not in is still in Kafka, or with the sender.
      for (const { resolve, reject } of taken) {
        if (fault instanceof WriterClosed) resolve("stopped");
        else reject(fault);
      }
    }
    this.#adapt(this.#now() - startedAt);
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
    const { rowsMax } = this.#options;
    const next = tookMs > SLOW_WRITE_MS ? this.#rowsMax / 2 : this.#rowsMax + rowsMax / 10;
    this.#rowsMax = Math.round(Math.min(rowsMax, Math.max(ROWS_MIN, next)));
  }
}
