import type { Consumer, ConsumerRunConfig, KafkaMessage } from "kafkajs";
import { emitter, eventsOf, type EventName } from "./fake-events.ts";

/** The part of the fake broker that a consumer of it writes to. */
export interface CallLog {
  readonly faults: { rejectsWith?: unknown; throwsAtOnce?: unknown };
  readonly calls: { method: string; args: readonly unknown[] }[];
  readonly returned: WeakSet<object>;
  logger(): unknown;
}

interface Delivery {
  topic: string;
  partition?: number;
  messages: (Partial<KafkaMessage> & { offset: string })[];
  highWatermark?: string;
  fetchedOffset?: string;
  lastOffset?: string;
}

/** A consumer that is handed messages by the test. */
export class FakeConsumer {
  readonly client: Consumer;
  readonly events = eventsOf("consumer");
  /** The offsets handed to `commitOffsets` and `commitOffsetsIfNecessary`, in order. */
  readonly committed: unknown[] = [];
  /** The offsets handed to `resolveOffset`, in order. */
  readonly resolved: string[] = [];
  /** The very config that `run` was given. */
  config: ConsumerRunConfig | undefined;
  readonly #emitter = emitter();

  constructor(kafka: CallLog, groupId: string) {
    const call =
      (method: string) =>
      (...args: unknown[]) => {
        kafka.calls.push({ method, args });
        if ("throwsAtOnce" in kafka.faults) throw kafka.faults.throwsAtOnce;
        const { faults } = kafka;
        const promise = "rejectsWith" in faults ? Promise.reject(faults.rejectsWith) : Promise.resolve();
        kafka.returned.add(promise);
        return promise;
      };
    const client = {
      connect: async () => this.emit("CONNECT", undefined),
      disconnect: async () => this.emit("DISCONNECT", undefined),
      subscribe: call("subscribe"),
      stop: call("stop"),
      run: (config?: ConsumerRunConfig) => {
        this.config = config;
        return call("run")(config);
      },
      commitOffsets: (offsets: unknown) => {
        this.committed.push(offsets);
        return call("commitOffsets")(offsets);
      },
      seek: (...args: unknown[]) => void kafka.calls.push({ method: "seek", args }),
      describeGroup: async () => ({ groupId }),
      pause: (...args: unknown[]) => void kafka.calls.push({ method: "pause", args }),
      paused: () => [],
      resume: (...args: unknown[]) => void kafka.calls.push({ method: "resume", args }),
      on: this.#emitter.on,
      logger: () => kafka.logger(),
      events: this.events,
    };
    this.client = client as unknown as Consumer;
  }

  /** How many listeners are attached. */
  get listeners(): number {
    return this.#emitter.listeners();
  }

  /** Fires one of kafkajs's consumer events, by the name in `consumer.events`. */
  emit(name: EventName, payload: unknown): void {
    this.#emitter.emit(this.events[name] ?? name, payload);
  }

  /** Hands messages to the running handler as one fetch; rejects as the handler does. */
  async deliver({ topic, partition = 0, messages, ...fetch }: Delivery): Promise<unknown> {
    const last = fetch.lastOffset ?? messages.at(-1)?.offset ?? "0";
    const highWatermark = fetch.highWatermark ?? String(BigInt(last) + 1n);
    const whole = messages.map((message) => ({
      key: null,
      value: Buffer.from("{}"),
      timestamp: String(Date.now()),
      attributes: 0,
      headers: {},
      ...message,
    })) as KafkaMessage[];
    const lag = (offset: string) => String(BigInt(highWatermark) - 1n - BigInt(offset));
    const batch = {
      topic,
      partition,
      highWatermark,
      messages: whole,
      fetchedOffset: fetch.fetchedOffset ?? whole[0]?.offset ?? "0",
      isEmpty: () => whole.length === 0,
      firstOffset: () => whole[0]?.offset ?? null,
      lastOffset: () => last,
      offsetLag: () => lag(last),
      offsetLagLow: () => lag(whole[0]?.offset ?? last),
    };
    const process = {
      topic,
      partition,
      highWatermark,
      offsetLag: batch.offsetLag(),
      offsetLagLow: batch.offsetLagLow(),
      batchSize: whole.length,
      firstOffset: batch.firstOffset(),
      lastOffset: last,
    };
    this.emit("START_BATCH_PROCESS", process);
    const returned = await this.#handle(batch);
    this.emit("END_BATCH_PROCESS", { ...process, duration: 1 });
    return returned;
  }

  async #handle(batch: { topic: string; partition: number; messages: KafkaMessage[] }): Promise<unknown> {
    const shared = { heartbeat: async () => {}, pause: () => () => {} };
    if (this.config?.eachBatch) {
      return this.config.eachBatch({
        ...shared,
        batch: batch as never,
        resolveOffset: (offset) => void this.resolved.push(offset),
        commitOffsetsIfNecessary: async (offsets) => void this.committed.push(offsets),
        uncommittedOffsets: () => ({ topics: [] }),
        isRunning: () => true,
        isStale: () => false,
      });
    }
    for (const message of batch.messages) {
      await this.config?.eachMessage?.({
        ...shared,
        topic: batch.topic,
        partition: batch.partition,
        message,
      });
    }
    return undefined;
  }
}
