import { type ClientBase } from "pg";
import { type SliceBounds } from "../schema/slice-plan.ts";
import { sliceBounds } from "../schema/slices.ts";

/** Where a span belongs by its time. */
export type Place = "slice" | "odd time" | "expired";

const REFRESH_MS = 30_000;

/** Remembers which times have a slice. */
export class SliceMap {
  readonly #retentionMs: number;
  #bounds: readonly SliceBounds[] = [];
  #version = 0;
  #readAtMs = 0;

  constructor(retentionMs: number) {
    this.#retentionMs = retentionMs;
  }

  /** Grows when other slices are there than before. */
  get version(): number {
    return this.#version;
  }

  /** Reads the slices again when what is remembered is old. */
  async refresh(client: ClientBase, maxAgeMs = REFRESH_MS): Promise<void> {
    if (Date.now() - this.#readAtMs < maxAgeMs) return;
    const bounds = await sliceBounds(client);
    if (JSON.stringify(bounds) !== JSON.stringify(this.#bounds)) this.#version += 1;
    this.#bounds = bounds;
    this.#readAtMs = Date.now();
  }

  /**
   * A span outside retention is expired; one inside goes to its slice, and waits among the odd times while it has none.
   * By the slices alone, however far ahead they lie: a span sent again later must find the same place.
   */
  placeOf(startNs: bigint): Place {
    const startMs = Number(startNs / 1_000_000n);
    if (startMs < Date.now() - this.#retentionMs) return "expired";
    return this.#hasSlice(startMs) ? "slice" : "odd time";
  }

  #hasSlice(startMs: number): boolean {
    // Nearly every span is of now, and the newest slices are the last ones.
    for (let i = this.#bounds.length - 1; i >= 0; i -= 1) {
      const bounds = this.#bounds[i];
      if (bounds === undefined || startMs >= bounds.toMs) return false;
      if (startMs >= bounds.fromMs) return true;
    }
    return false;
  }
}
