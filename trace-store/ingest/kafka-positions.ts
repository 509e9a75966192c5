import type { Admin, Kafka } from "kafkajs";
import { fetchTopicIds } from "../kafka/topic-ids.ts";
import type { Log } from "../log.ts";
import type { ResumePosition, SeenSource } from "../span/write-part.ts";
import type { Intake } from "./intake.ts";

/** Where a partition goes on: from `position` with this fetch, or with one that is still to be made from `seekTo`. */
export type Start =
  | { readonly position: ResumePosition & { readonly clusterId: string }; readonly seekTo?: undefined }
  | { readonly position?: undefined; readonly seekTo: bigint };

interface Held extends ResumePosition {
  readonly clusterId: string;
  /**
   * Where Kafka's next fetch must begin; another beginning that we did not ask for means another log under the same
   * name. `undefined` until it was asked to begin at `next`.
   */
  fetchNext: bigint | undefined;
  /** The fetch in hand is not used, so its end says nothing. */
  isUnused: boolean;
}

/**
 * Knows, for each partition in hand, which life of the topic it belongs to and what is read next.
 *
 * The store's word is asked for when partitions are new to us, after a fence, and whenever Kafka's position jumps. A fetch
 * that was made before the asking is not used: it may be of another life than the one that was found.
 */
export class KafkaPositions {
  readonly #kafka: Kafka;
  readonly #topic: string;
  readonly #intake: Intake;
  readonly #log: Log;
  readonly #held = new Map<number, Held>();
  #asking: Promise<void> | undefined;

  constructor(kafka: Kafka, topic: string, intake: Intake, log: Log) {
    this.#kafka = kafka;
    this.#topic = topic;
    this.#intake = intake;
    this.#log = log;
  }

  forget(partition: number): void {
    this.#held.delete(partition);
  }

  forgetAll(): void {
    this.#held.clear();
  }

  /** Says what to do with a fetch that began at `fetchedOffset`. */
  async next(partition: number, fetchedOffset: bigint): Promise<Start> {
    const known = this.#held.get(partition);
    if (known?.fetchNext === fetchedOffset) return { position: known };
    if (known?.fetchNext !== undefined) this.forget(partition);
    const held = this.#held.get(partition) ?? (await this.#asked(partition));
    held.fetchNext = held.next;
    held.isUnused = true;
    return { seekTo: held.next };
  }

  /** The part up to `next` is on its way. */
  advance(partition: number, next: bigint): void {
    const held = this.#held.get(partition);
    if (held) this.#held.set(partition, { ...held, next });
  }

  /** A fetch was worked off, with messages or with nothing but markers in it. */
  fetched(partition: number, fetchNext: bigint): void {
    const held = this.#held.get(partition);
    if (held?.fetchNext === undefined) return;
    if (!held.isUnused) held.fetchNext = fetchNext;
    held.isUnused = false;
  }

  /** One asking serves all partitions that are new at the same time, as after a rebalance. */
  async #asked(partition: number): Promise<Held> {
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    await this.#asking;
    const held = this.#held.get(partition);
    if (held === undefined) {
      throw new Error(`${this.#topic}/${partition} was fetched, but the broker does not list it.`);
    }
    return held;
  }

  async #ask(): Promise<void> {
    const admin = this.#kafka.admin();
    await admin.connect();
    try {
      const { clusterId } = await admin.describeCluster();
      const positions = await this.#intake.resume({ clusterId, topic: this.#topic }, () => this.#look(admin));
      for (const [partition, position] of positions) {
        if (!this.#held.has(partition))
          this.#held.set(partition, { ...position, clusterId, fetchNext: undefined, isUnused: false });
      }
      this.#log.debug({ topic: this.#topic, partitions: positions.size }, "positions of the span topic");
    } finally {
      await admin.disconnect();
    }
  }

  async #look(admin: Admin): Promise<SeenSource> {
    const [offsets, topicId] = await Promise.all([admin.fetchTopicOffsets(this.#topic), this.#topicId()]);
    const logs = offsets.map((it) => ({
      partition: it.partition,
      logStart: BigInt(it.low),
      logEnd: BigInt(it.high),
    }));
    return { topicId, logs };
  }

  /** `null` for brokers that know no topic ids; a topic made anew is then only seen by offsets beyond its end. */
  async #topicId(): Promise<string | null> {
    try {
      return (await fetchTopicIds(this.#kafka, [this.#topic])).get(this.#topic) ?? null;
    } catch (error) {
      this.#log.warn(
        { error },
        "this broker tells no topic ids; a span topic made anew is recognised by its offsets only",
      );
      return null;
    }
  }
}
