import type { Consumer } from "kafkajs";
import type { Log } from "../log.ts";

const COMMIT_EVERY_MS = 5_000;

/**
 * Tells Kafka now and then how far a topic is stored: for people and lag monitors, as nothing of ours reads it.
 *
 * A rebalance makes a commit fail, and nothing depends on it.
 */
export class AdvisoryCommit {
  readonly #topic: string;
  readonly #log: Log;
  readonly #next = new Map<number, bigint>();
  #timer: NodeJS.Timeout | undefined;

  constructor(topic: string, log: Log) {
    this.#topic = topic;
    this.#log = log;
  }

  /** A partition is stored up to `next`. */
  stored(consumer: Consumer, partition: number, next: bigint): void {
    this.#next.set(partition, next);
    this.#timer ??= setTimeout(() => {
      void this.commit(consumer);
    }, COMMIT_EVERY_MS).unref();
  }

  /** Commits what is to be told now. Never rejects. */
  async commit(consumer: Consumer): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const offsets = [...this.#next].map(([partition, next]) => ({
      topic: this.#topic,
      partition,
      offset: next.toString(),
    }));
    this.#next.clear();
    if (offsets.length === 0) return;
    await consumer
      .commitOffsets(offsets)
      .catch((error: unknown) => this.#log.debug({ error }, "advisory commit failed"));
  }
}
