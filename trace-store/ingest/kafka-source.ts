import type { Consumer, EachBatchPayload, Kafka } from "kafkajs";
import type { Log } from "../log.ts";
import type { WritePart } from "../span/write-part.ts";
import { AdvisoryCommit } from "./advisory-commit.ts";
import type { ByteBudget } from "./budget.ts";
import type { Intake } from "./intake.ts";
import { KafkaPositions, type Position, type Reader } from "./kafka-positions.ts";
import { takeMessages, type FetchedBatch } from "./kafka-batch.ts";
import { Watchdog } from "./watchdog.ts";

export interface KafkaSourceOptions {
  readonly kafka: Kafka;
  readonly topic: string;
  readonly groupId: string;
  /** An indexer that is silent for so long loses its partitions to the others. */
  readonly sessionTimeoutMs: number;
  readonly intake: Intake;
  readonly budget: ByteBudget;
  /** A part ends with the record that brings it to so many spans. */
  readonly partSpansMax: number;
  /** Makes the topic where there is none; rejects when the broker is away or refuses. */
  readonly ensureTopic: () => Promise<void>;
  readonly log: Log;
}

/** A source that runs until it is stopped. */
export interface Source {
  /** Takes no more in, and resolves when what is in hand is written. */
  stop(): Promise<void>;
  /** In words, why nothing comes in; `undefined` while all is well. */
  problem(): string | undefined;
}

/**
 * A fetch holds at most so much, compressed, and of one partition half of it; a single larger batch still comes whole
 * (KIP-74). kafkajs unpacks a whole fetch at once, to about ten times that: 8 MiB took 380 MiB, 1 MiB 278, for 4 % of speed.
 */
const FETCH_BYTES_MAX = 1_048_576;
const HEARTBEAT_MS = 3_000;
const RESTART_DELAY_MS = 2_000;

const messageOf = (fault: unknown): string => (fault instanceof Error ? fault.message : String(fault));

/** Reads the span topic into parts, each fenced by where the store says it was, and starts anew when kafkajs gives up. */
export class KafkaSource implements Source {
  readonly #options: KafkaSourceOptions;
  readonly #positions: KafkaPositions;
  /** Fetches that are being handed on. */
  readonly #inUse = new Set<Promise<void>>();
  /** Parts that are being written. */
  readonly #inHand = new Set<Promise<void>>();
  readonly #commits: AdvisoryCommit;
  #consumer: Consumer | undefined;
  #watchdog: Watchdog | undefined;
  #problem: string | undefined = "not yet joined the consumer group";
  /** The start that is under way, or was last. */
  #starting: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: KafkaSourceOptions) {
    this.#options = options;
    this.#commits = new AdvisoryCommit(options.topic, options.log);
    const { kafka, topic, intake, log } = options;
    const reader: Reader = {
      seek: (partition, offset) => this.#consumer?.seek({ topic, partition, offset: offset.toString() }),
      settled: () => this.#settled(),
    };
    this.#positions = new KafkaPositions(kafka, topic, intake, reader, log);
  }

  problem(): string | undefined {
    return this.#problem;
  }

  /** Starts to read, as soon as the broker is there and for as long as it takes: until then `problem` says why not. */
  start(): void {
    this.#starting = this.#tryToStart();
  }

  async #tryToStart(): Promise<void> {
    try {
      await this.#run();
    } catch (error) {
      this.#problem = `cannot read the span topic: ${messageOf(error)}`;
      this.#options.log.error({ problem: this.#problem }, "could not start the consumer of the span topic");
      this.#restart("the last try failed");
    }
  }

  async #run(): Promise<void> {
    const { kafka, topic, groupId, sessionTimeoutMs, log, ensureTopic } = this.#options;
    await ensureTopic();
    if (this.#isStopped) return;
    const consumer = kafka.consumer({
      groupId,
      sessionTimeout: sessionTimeoutMs,
      heartbeatInterval: sessionTimeoutMs / 10,
      maxBytesPerPartition: FETCH_BYTES_MAX / 2,
      maxBytes: FETCH_BYTES_MAX,
      maxWaitTimeInMs: 100,
      allowAutoTopicCreation: false,
    });
    this.#consumer = consumer;
    this.#positions.assign([]);
    this.#watch(consumer);
    await consumer.connect();
    if (this.#isStopped) return;
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 3,
      eachBatch: async (payload) => this.#onBatch(consumer, payload),
    });
    log.info({ topic, groupId }, "reading the span topic");
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#watchdog?.stop();
    // A start without a consumer yet is about to see that it is too late; a consumer is stopped wherever it is.
    if (this.#consumer === undefined) await this.#starting;
    await this.#consumer?.stop();
    await Promise.all(this.#inHand);
    if (this.#consumer) await this.#commits.commit(this.#consumer);
    await this.#consumer?.disconnect();
    await this.#positions.close();
  }

  #watch(consumer: Consumer): void {
    const { topic, log } = this.#options;
    this.#watchdog?.stop();
    this.#watchdog = new Watchdog(() => this.#restart("no fetch for a minute"));
    const alive = () => this.#watchdog?.alive();
    consumer.on(consumer.events.FETCH_START, alive);
    consumer.on(consumer.events.HEARTBEAT, alive);
    consumer.on(consumer.events.HEARTBEAT, () => void this.#look());
    // Also fires for fetches that hold transaction markers only, which no eachBatch is called for.
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload: { partition, lastOffset } }) =>
      this.#positions.fetched(partition, BigInt(lastOffset) + 1n),
    );
    consumer.on(consumer.events.GROUP_JOIN, ({ payload: { memberAssignment } }) => {
      this.#problem = undefined;
      this.#positions.assign(memberAssignment[topic] ?? []);
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      this.#problem = `the consumer of the span topic stopped: ${payload.error.message}`;
      log.warn(
        { error: payload.error.message, restarts: payload.restart },
        "the consumer of the span topic stopped",
      );
      if (!payload.restart) this.#restart("kafkajs gave up");
    });
  }

  /** kafkajs stays dead after an error that it takes for final; a store must not. */
  #restart(reason: string): void {
    if (this.#isStopped) return;
    const { log } = this.#options;
    const old = this.#consumer;
    this.#consumer = undefined;
    this.#watchdog?.stop();
    log.warn({ reason }, "starting the consumer of the span topic anew");
    setTimeout(() => {
      void (async () => {
        await old
          ?.disconnect()
          .catch((error: unknown) => log.warn({ error }, "could not disconnect the old consumer"));
        if (!this.#isStopped) this.start();
      })();
    }, RESTART_DELAY_MS);
  }

  async #onBatch(consumer: Consumer, payload: EachBatchPayload): Promise<void> {
    const { partition, fetchedOffset } = payload.batch as FetchedBatch;
    const position = await this.#positions.next(partition, BigInt(fetchedOffset), () => payload.isStale());
    if (position === undefined) return;
    const used = this.#use(consumer, payload, position);
    this.#inUse.add(used);
    await used.finally(() => this.#inUse.delete(used));
  }

  async #use(consumer: Consumer, payload: EachBatchPayload, position: Position): Promise<void> {
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
      this.#hand(consumer, part);
    }
    payload.resolveOffset(batch.lastOffset());
    await payload.heartbeat();
  }

  /** What began meanwhile is not waited for: under load there is always something. */
  async #settled(): Promise<void> {
    await Promise.allSettled(this.#inUse);
    await Promise.allSettled(this.#inHand);
  }

  /** For partitions on which nothing comes in. */
  async #look(): Promise<void> {
    try {
      await this.#positions.look();
    } catch (error) {
      this.#options.log.debug(
        { error },
        "could not ask about the span topic; asking again at the next heartbeat",
      );
    }
  }

  /** Hands a part on without waiting, so that the next fetch runs while Postgres writes; the budget is what waits. */
  #hand(consumer: Consumer, part: WritePart): void {
    const { topic, intake, budget, log } = this.#options;
    budget.take(part.bytes);
    const done = intake
      .submit(part)
      .then((outcome) => {
        if (part.advance === null || outcome === "stopped") return;
        const { partition, to } = part.advance;
        if (outcome === "stored") {
          this.#commits.stored(consumer, partition, to);
          return;
        }
        log.info(
          { topic, partition },
          "another indexer moved this partition; reading again from where the store is",
        );
        this.#positions.forget(partition);
        // Any offset will do: the next batch is measured against the store's own position.
        if (consumer === this.#consumer)
          consumer.seek({ topic, partition, offset: part.advance.from.toString() });
      })
      .catch((fault: unknown) => {
        // Nothing is lost: it is read again from where the store is, and the operator is told for as long as it takes.
        const partition = part.advance?.partition;
        this.#problem = `spans of partition ${partition} cannot be written: ${messageOf(fault)}`;
        log.error({ topic, partition, err: fault }, this.#problem);
        if (consumer === this.#consumer) this.#restart("a part could not be written");
      })
      .finally(() => {
        budget.give(part.bytes);
        this.#inHand.delete(done);
      });
    this.#inHand.add(done);
  }
}
