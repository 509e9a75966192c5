import type { Pool } from "pg";

const LOOK_EVERY_MS = 250;

/** Watches how long records of the span topic wait, partition by partition, until the store's own offset is past them. */
export class Lateness {
  readonly #waiting = new Map<number, { readonly offset: bigint; readonly sentAt: number }[]>();
  readonly #pool: Pool;
  readonly #topic: string;
  #lateMsMax = 0;
  #isStopped = false;
  readonly #looking: Promise<void>;

  constructor(pool: Pool, topic: string) {
    this.#pool = pool;
    this.#topic = topic;
    this.#looking = this.#watch();
  }

  /** The broker has it now. */
  sent(partition: number, offset: bigint): void {
    const queue = this.#waiting.get(partition) ?? [];
    if (queue.length === 0) this.#waiting.set(partition, queue);
    queue.push({ offset, sentAt: performance.now() });
  }

  /** Records that the store is not past yet. */
  get waiting(): number {
    return [...this.#waiting.values()].reduce((sum, queue) => sum + queue.length, 0);
  }

  /** Stops, and returns the longest that any partition was behind, what still waits included. */
  async stop(): Promise<number> {
    this.#isStopped = true;
    await this.#looking;
    return Math.round(this.#lateMsMax);
  }

  async #watch(): Promise<void> {
    while (!this.#isStopped) {
      const { rows } = await this.#pool.query<{ partition: number; next_offset: string }>(
        "SELECT partition, next_offset FROM trail_private.source_offsets WHERE topic = $1",
        [this.#topic],
      );
      const next = new Map(rows.map((row) => [row.partition, BigInt(row.next_offset)]));
      const now = performance.now();
      for (const [partition, queue] of this.#waiting) {
        const first = queue.findIndex(({ offset }) => offset >= (next.get(partition) ?? 0n));
        if (queue[0]) this.#lateMsMax = Math.max(this.#lateMsMax, now - queue[0].sentAt);
        queue.splice(0, first === -1 ? queue.length : first);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }
}
