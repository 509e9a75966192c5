import type { Admin, Kafka } from "kafkajs";
import { TopicLife } from "../kafka/topic-life.ts";
import type { Log } from "../log.ts";
import type { ResumePosition, SeenSource } from "../span/write-part.ts";
import type { Intake } from "./intake.ts";

const NO_TOPIC_IDS =
  "this broker tells no topic ids; a span topic made anew is recognised by its offsets only";

/** What the positions need of the reader that they serve. */
export interface Reader {
  /** Makes the next fetch of a partition begin there. */
  seek(partition: number, offset: bigint): void;
  /** Resolves when every fetch that is in use now is written. */
  settled(): Promise<void>;
}

export interface Position extends ResumePosition {
  readonly clusterId: string;
}

interface Held {
  position: Position;
  /** Kafka's id of the topic when its positions were asked for; `null` where brokers tell none. */
  readonly topicId: string | null;
  /**
   * Where Kafka's next fetch must begin; another beginning that we did not ask for means another log under the same
   * name. `undefined` until it was asked to begin at the position.
   */
  fetchNext: bigint | undefined;
}

/**
 * Knows, for each partition in hand, which life of the topic it belongs to and what is read next.
 *
 * The store's word is asked for when partitions are new to us, after a fence, and whenever Kafka's position jumps. A fetch
 * that was made before the asking is not used: it may be of another life than the one that was found. And a fetch is used
 * only while the topic has the id that it had then: kafkajs goes on without a word at the old offset of a new log.
 */
export class KafkaPositions {
  readonly #kafka: Kafka;
  readonly #topic: string;
  readonly #life: TopicLife;
  readonly #intake: Intake;
  readonly #reader: Reader;
  readonly #log: Log;
  readonly #held = new Map<number, Held>();
  /** By partition, what its fetch in hand is measured against; `undefined` for a fetch that is not used. */
  readonly #inHand = new Map<number, Held | undefined>();
  #assigned: readonly number[] = [];
  #asking: Promise<void> | undefined;

  constructor(kafka: Kafka, topic: string, intake: Intake, reader: Reader, log: Log) {
    this.#kafka = kafka;
    this.#topic = topic;
    this.#life = new TopicLife(kafka, topic);
    this.#intake = intake;
    this.#reader = reader;
    this.#log = log;
  }

  forget(partition: number): void {
    this.#held.delete(partition);
  }

  /** From now on these are ours, and nothing is known of them. */
  assign(partitions: readonly number[]): void {
    this.#assigned = partitions;
    this.#held.clear();
    this.#inHand.clear();
  }

  async close(): Promise<void> {
    await this.#life.close();
  }

  /**
   * Returns from where on to use a fetch that began at `fetchedOffset` and has ended; `undefined` when it must not be used,
   * as another was asked for by then. `isStale` says that a seek came after it began. Rejects when the broker cannot be asked.
   */
  async next(
    partition: number,
    fetchedOffset: bigint,
    isStale: () => boolean,
  ): Promise<Position | undefined> {
    this.#inHand.set(partition, undefined);
    const held = this.#held.get(partition);
    await this.look(partition);
    if (isStale() || held === undefined || held !== this.#held.get(partition)) return undefined;
    if (held.fetchNext === fetchedOffset) {
      this.#inHand.set(partition, held);
      return held.position;
    }
    this.forget(partition);
    await this.look(partition);
    return undefined;
  }

  /**
   * Seeks in our partitions of which nothing is known: new ones, and all of them when the topic was made anew.
   *
   * It does not wait for a fetch: a new log that is just as long as the old one shows nothing to a reader at its end.
   */
  async look(partition = this.#assigned[0]): Promise<void> {
    if (partition === undefined) return;
    const known = this.#held.get(partition);
    if (known !== undefined && known.topicId !== null) {
      const topicId = await this.#life.id(partition);
      // Another partition's fetch may have found it out meanwhile.
      if (topicId !== known.topicId && this.#held.get(partition) === known) {
        this.#log.warn({ topic: this.#topic }, "the span topic was made anew while it was being read");
        this.#held.clear();
      }
    }
    const isKnown = (mine: number) => this.#held.get(mine)?.fetchNext !== undefined;
    if (this.#assigned.every(isKnown)) return;
    // One asking serves all that come at the same time.
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    await this.#asking;
    for (const mine of this.#assigned) this.#begin(mine);
  }

  #begin(partition: number): void {
    const held = this.#held.get(partition);
    if (held === undefined)
      throw new Error(`${this.#topic}/${partition} is ours, but the broker does not list it.`);
    if (held.fetchNext !== undefined) return;
    held.fetchNext = held.position.next;
    this.#reader.seek(partition, held.fetchNext);
  }

  /** The part up to `next` of that life is on its way. */
  advance(partition: number, incarnation: number, next: bigint): void {
    const held = this.#held.get(partition);
    if (held?.position.incarnation === incarnation) held.position = { ...held.position, next };
  }

  /** A fetch was worked off, with messages or with nothing but markers in it. */
  fetched(partition: number, fetchNext: bigint): void {
    const held = this.#held.get(partition);
    const isOfHeld = !this.#inHand.has(partition) || this.#inHand.get(partition) === held;
    this.#inHand.delete(partition);
    if (isOfHeld && held?.fetchNext !== undefined) held.fetchNext = fetchNext;
  }

  async #ask(): Promise<void> {
    // A gap begins behind what is stored of a topic that is no more.
    await this.#reader.settled();
    const admin = this.#kafka.admin();
    await admin.connect();
    try {
      const { clusterId } = await admin.describeCluster();
      let topicId: string | null = null;
      const positions = await this.#intake.resume({ clusterId, topic: this.#topic }, async () => {
        const seen = await this.#look(admin);
        topicId = seen.topicId;
        return seen;
      });
      for (const [partition, position] of positions) {
        if (!this.#held.has(partition))
          this.#held.set(partition, { position: { ...position, clusterId }, topicId, fetchNext: undefined });
      }
      this.#log.debug({ topic: this.#topic, partitions: positions.size }, "positions of the span topic");
    } finally {
      await admin.disconnect();
    }
  }

  async #look(admin: Admin): Promise<SeenSource> {
    // The id first: a topic made anew before its offsets are known is found out by the next fetch.
    const topicId = await this.#life.id(0);
    if (topicId === null) this.#log.warn({ topic: this.#topic }, NO_TOPIC_IDS);
    const offsets = await admin.fetchTopicOffsets(this.#topic);
    const logs = offsets.map((it) => ({
      partition: it.partition,
      logStart: BigInt(it.low),
      logEnd: BigInt(it.high),
    }));
    return { topicId, logs };
  }
}
