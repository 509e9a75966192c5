import type { Consumer, EachBatchPayload, Kafka } from "kafkajs";
import type { Log } from "../log.ts";
import type { WritePart } from "../span/write-part.ts";
import { AdvisoryCommit } from "./advisory-commit.ts";
import type { ByteBudget } from "./budget.ts";
import type { Intake } from "./intake.ts";
import { takeMessages, type FetchedBatch } from "./kafka-batch.ts";
import { KafkaPositions, type Position } from "./kafka-positions.ts";

export interface KafkaFetchesOptions {
  readonly kafka: Kafka;
  readonly topic: string;
  readonly intake: Intake;
  readonly budget: ByteBudget;
  /** A part ends with the record that brings it to so many spans. */
  readonly partSpansMax: number;
  readonly log: Log;
}

const HEARTBEAT_MS = 3_000;

/** Cuts what one consumer fetches into parts, each fenced by where the store says that it was, and hands them on. */
export class KafkaFetches {
  readonly #consumer: Consumer;
  readonly #options: KafkaFetchesOptions;
  readonly #onFault: (problem: string) => void;
  readonly #positions: KafkaPositions;
  readonly #commits: AdvisoryCommit;
  /** Fetches that are being cut. */
  readonly #inUse = new Set<Promise<void>>();
  /** Parts that are being written. */
  readonly #inHand = new Set<Promise<void>>();
  #isFinished = false;

  /** `onFault` is told in words of a part that could not be written: the consumer must then be started anew. */
  constructor(consumer: Consumer, options: KafkaFetchesOptions, onFault: (problem: string) => void) {
    this.#consumer = consumer;
    this.#options = options;
    this.#onFault = onFault;
    const { kafka, topic, intake, log } = options;
    const reader = {
      seek: (partition: number, offset: bigint) => this.#seek(partition, offset),
      settled: () => this.#settled(),
    };
    this.#positions = new KafkaPositions(kafka, topic, intake, reader, log);
    this.#commits = new AdvisoryCommit(topic, log);
  }

  /** The consumer's partitions are these from now on. */
  assign(partitions: readonly number[]): void {
    this.#positions.assign(partitions);
  }

  /** For partitions on which nothing comes in: looks whether there is something after all. Never rejects. */
  async look(): Promise<void> {
    try {
      await this.#positions.look();
    } catch (error) {
      this.#options.log.debug({ error }, "could not ask about the span topic; asking again soon");
    }
  }

  /** Resolves when the fetch may be forgotten; rejects for kafkajs to fetch it again. */
  async take(payload: EachBatchPayload): Promise<void> {
    const { partition, fetchedOffset } = payload.batch as FetchedBatch;
    const position = await this.#positions.next(partition, BigInt(fetchedOffset), () => payload.isStale());
    if (position === undefined) return;
    const used = this.#use(payload, position);
    this.#inUse.add(used);
    await used.finally(() => this.#inUse.delete(used));
  }

  /** A fetch was worked off, with messages or with nothing but markers in it. */
  ended(partition: number, fetchNext: bigint): void {
    this.#positions.fetched(partition, fetchNext);
  }

  /** Resolves when what is in hand is written, and Kafka was told. The consumer is stopped by then. */
  async finish(): Promise<void> {
    this.#isFinished = true;
    await this.#settled();
    await this.#commits.commit(this.#consumer);
    await this.#positions.close();
  }

  /** What begins meanwhile is not waited for: under load there is always something. */
  async #settled(): Promise<void> {
    await Promise.allSettled(this.#inUse);
    await Promise.allSettled(this.#inHand);
  }

  async #use(payload: EachBatchPayload, position: Position): Promise<void> {
    const { budget } = this.#options;
    const batch = payload.batch as FetchedBatch;
    for (const part of takeMessages(batch, position, this.#options)) {
      while (!budget.hasRoom) {
        await budget.room(HEARTBEAT_MS);
        await payload.heartbeat();
        if (!payload.isRunning() || payload.isStale()) return;
      }
      const { advance } = part;
      if (advance) this.#positions.advance(batch.partition, advance.incarnation, advance.to);
      this.#hand(part);
    }
    payload.resolveOffset(batch.lastOffset());
    await payload.heartbeat();
  }

  /** Hands a part on without waiting, so that the next fetch runs while Postgres writes; the budget is what waits. */
  #hand(part: WritePart): void {
    const { intake, budget } = this.#options;
    budget.take(part.bytes);
    const done = this.#write(part, intake).finally(() => {
      budget.give(part.bytes);
      this.#inHand.delete(done);
    });
    this.#inHand.add(done);
  }

  async #write(part: WritePart, intake: Intake): Promise<void> {
    const { topic, log } = this.#options;
    try {
      const outcome = await intake.submit(part);
      if (part.advance === null || outcome === "stopped") return;
      const { partition, from, to } = part.advance;
      if (outcome === "stored") {
        this.#commits.stored(this.#consumer, partition, to);
        return;
      }
      log.info(
        { topic, partition },
        "another indexer moved this partition; reading again from where the store is",
      );
      this.#positions.forget(partition);
      // Any offset will do: the next fetch is measured against the store's own position.
      this.#seek(partition, from);
    } catch (fault) {
      // Nothing is lost: it is read again from where the store is, and the operator is told for as long as it takes.
      const partition = part.advance?.partition;
      const problem = `spans of partition ${partition} cannot be written: ${fault instanceof Error ? fault.message : String(fault)}`;
      log.error({ topic, partition, err: fault }, problem);
      this.#onFault(problem);
    }
  }

  #seek(partition: number, offset: bigint): void {
    if (this.#isFinished) return;
    this.#consumer.seek({ topic: this.#options.topic, partition, offset: offset.toString() });
  }
}
