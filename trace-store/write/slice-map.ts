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

  /** {@link placeOf} for many spans: what is the same for all of them is found out once. */
  places(): (startNs: bigint) => Place {
    const expiredNs = BigInt(Math.max(0, Date.now() - this.#retentionMs)) * 1_000_000n;
    let [fromNs, toNs] = [0n, 0n];
    return (startNs) => {
      if (startNs < expiredNs) return "expired";
      if (startNs >= fromNs && startNs < toNs) return "slice";
      const bounds = this.#sliceOf(Number(startNs / 1_000_000n));
      if (bounds === undefined) return "odd time";
      [fromNs, toNs] = [BigInt(bounds.fromMs) * 1_000_000n, BigInt(bounds.toMs) * 1_000_000n];
      return "slice";
    };
  }

  /**
   * A span outside retention is expired; one inside goes to its slice, and waits among the odd times while it has none.
   * By the slices alone, however far ahead they lie: a span sent again later must find the same place.
   */
  placeOf(startNs: bigint): Place {
    return this.places()(startNs);
  }

  #sliceOf(startMs: number): SliceBounds | undefined {
    // Nearly every span is of now, and the newest slices are the last ones.
    for (let i = this.#bounds.length - 1; i >= 0; i -= 1) {
      const bounds = this.#bounds[i];
      if (bounds === undefined || startMs >= bounds.toMs) return undefined;
      if (startMs >= bounds.fromMs) return bounds;
    }
    return undefined;
  }
}
