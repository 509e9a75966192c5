import type { PartOutcome, WritePart } from "../span/write-part.ts";
import type { WriteBatch, WriteResult } from "./batch.ts";

/** A write slower than this halves the next one; every other one lets it grow by a tenth of what it may be. */
const SLOW_WRITE_MS = 2_000;
const ROWS_MIN = 50;
/** What a part should hold of a write at most: one that is a whole write leaves nothing to halve. */
const PART_SHARE = 1 / 10;

export interface LaneOptions {
  /** Rows of one write, at most. */
  readonly rowsMax: number;
  /** Writes a batch, however often it has to try; rejects only when the writer is closed. */
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
    const startedAt = this.#now();
    const result = await this.#write({
      parts: taken.map(({ part }) => part),
      isMoreWaiting: this.#waiting.length > 0,
    });
    this.#adapt(this.#now() - startedAt);
    const fenced = new Set(result?.fenced);
    for (const { part, resolve } of taken) {
      if (result === undefined) resolve("stopped");
      else resolve(part.advance !== null && fenced.has(part.advance) ? "fenced" : "stored");
    }
  }

  /** `undefined` when the store stops: whatever is not in is still in Kafka, or with the sender. */
  async #write(batch: WriteBatch): Promise<WriteResult | undefined> {
    try {
      return await this.#options.write(batch);
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
    const { rowsMax } = this.#options;
    const next = tookMs > SLOW_WRITE_MS ? this.#rowsMax / 2 : this.#rowsMax + rowsMax / 10;
    this.#rowsMax = Math.round(Math.min(rowsMax, Math.max(ROWS_MIN, next)));
  }
}
