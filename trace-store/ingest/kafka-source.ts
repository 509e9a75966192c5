import { setTimeout as pause } from "node:timers/promises";
import type { Consumer } from "kafkajs";
import { KafkaFetches, type KafkaFetchesOptions } from "./kafka-fetches.ts";
import { Watchdog } from "./watchdog.ts";

export interface KafkaSourceOptions extends KafkaFetchesOptions {
  readonly groupId: string;
  /** An indexer that is silent for so long loses its partitions to the others. */
  readonly sessionTimeoutMs: number;
  /** Makes the topic where there is none; rejects when the broker is away or refuses. */
  readonly ensureTopic: () => Promise<void>;
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
const RESTART_DELAY_MS = 2_000;
/** How long a stop waits for a start that is under way. */
const STARTING_MS = 2_000;

const messageOf = (fault: unknown): string => (fault instanceof Error ? fault.message : String(fault));

/** Reads the span topic into parts, each fenced by where the store says it was, and starts anew when kafkajs gives up. */
export class KafkaSource implements Source {
  readonly #options: KafkaSourceOptions;
  #consumer: Consumer | undefined;
  /** What the consumer fetches, or the last one fetched. */
  #fetches: KafkaFetches | undefined;
  #watchdog: Watchdog | undefined;
  #problem: string | undefined = "not yet joined the consumer group";
  /** The start that is under way, or was last. */
  #starting: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: KafkaSourceOptions) {
    this.#options = options;
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
    const fetches = new KafkaFetches(consumer, this.#options, (fault) => {
      this.#problem = fault;
      if (consumer === this.#consumer) this.#restart("a part could not be written");
    });
    this.#consumer = consumer;
    this.#fetches = fetches;
    this.#watch(consumer, fetches);
    await consumer.connect();
    if (this.#isStopped) return;
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 3,
      eachBatch: async (payload) => fetches.take(payload),
    });
    log.info({ topic, groupId }, "reading the span topic");
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#watchdog?.stop();
    // A start without a consumer yet is about to see that it is too late, but for one that looks for a broker that is away:
    // kafkajs does so for half a minute. A consumer is stopped wherever it is.
    if (this.#consumer === undefined)
      await Promise.race([this.#starting, pause(STARTING_MS, undefined, { ref: false })]);
    await this.#consumer?.stop();
    await this.#fetches?.finish();
    await this.#consumer?.disconnect();
  }

  #watch(consumer: Consumer, fetches: KafkaFetches): void {
    const { topic, log } = this.#options;
    this.#watchdog?.stop();
    this.#watchdog = new Watchdog(() => this.#restart("no fetch for a minute"));
    const alive = () => this.#watchdog?.alive();
    consumer.on(consumer.events.FETCH_START, alive);
    consumer.on(consumer.events.HEARTBEAT, alive);
    consumer.on(consumer.events.HEARTBEAT, () => void fetches.look());
    // Also fires for fetches that hold transaction markers only, which no eachBatch is called for.
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload: { partition, lastOffset } }) =>
      fetches.ended(partition, BigInt(lastOffset) + 1n),
    );
    consumer.on(consumer.events.GROUP_JOIN, ({ payload: { memberAssignment } }) => {
      this.#problem = undefined;
      fetches.assign(memberAssignment[topic] ?? []);
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
    const [old, fetches] = [this.#consumer, this.#fetches];
    this.#consumer = undefined;
    this.#watchdog?.stop();
    log.warn({ reason }, "starting the consumer of the span topic anew");
    setTimeout(() => {
      void (async () => {
        await old
          ?.disconnect()
          .catch((error: unknown) => log.warn({ error }, "could not disconnect the old consumer"));
        await fetches?.finish();
        if (!this.#isStopped) this.start();
      })();
    }, RESTART_DELAY_MS);
  }
}
