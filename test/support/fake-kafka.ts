import type {
  Consumer,
  ConsumerConfig,
  ICustomPartitioner,
  Kafka,
  Message,
  Producer,
  ProducerBatch,
  ProducerConfig,
  ProducerRecord,
  RecordMetadata,
} from "kafkajs";
import { FakeConsumer } from "./fake-consumer.ts";
import { emitter, eventsOf } from "./fake-events.ts";

/** What goes wrong on the next calls, until {@link FakeKafka.faults} is changed again. */
export interface Faults {
  /** Sends and commits reject with this. */
  rejectsWith?: unknown;
  /** Sends and commits throw this before there is a promise. */
  throwsAtOnce?: unknown;
  /** How often a send asks the partitioner for each message, as kafkajs does on a retry. Default 1. */
  attempts?: number;
  /** Partitions whose acknowledgement is missing from a resolved send, as after a moved leader. */
  unacknowledged?: readonly number[];
  /** Replaces the record metadata of a send. */
  metadata?: unknown;
}

/** A message as the broker keeps it: what a client finally read from the object it was given. */
export interface Stored {
  topic: string;
  partition: number;
  offset: string;
  message: Message;
}

/**
 * Stands in for `new Kafka()` where a broker's fault must happen at one exact moment.
 *
 * Its clients are plain objects of closures, partition with the partitioner they were given, and number offsets per
 * partition, as kafkajs 2.2.4 does.
 */
export class FakeKafka {
  faults: Faults = {};
  /** Every promise that a call of a client of it returned. */
  readonly returned = new WeakSet<object>();
  /** Everything that was appended, in order. */
  readonly log: Stored[] = [];
  /** Every call with the very arguments it was given. */
  readonly calls: { method: string; args: readonly unknown[] }[] = [];
  readonly consumers: FakeConsumer[] = [];
  /** Producers and consumers that were asked for, with the very config. */
  readonly configs: unknown[] = [];
  readonly partitions: number;
  #nextOffsets = new Map<string, number>();

  constructor({ partitions = 3 }: { partitions?: number } = {}) {
    this.partitions = partitions;
  }

  /** Itself, typed as the client it stands in for. */
  get client(): Kafka {
    return this as unknown as Kafka;
  }

  admin() {
    return { isAdmin: true };
  }

  logger() {
    return { info() {}, warn() {}, error() {}, debug() {} };
  }

  producer(config?: ProducerConfig): Producer {
    this.configs.push(config);
    const { on, emit } = emitter();
    const partitioner = config?.createPartitioner?.() ?? roundRobin();
    const call = async (method: string, args: readonly unknown[], run: () => unknown) => {
      this.calls.push({ method, args });
      await Promise.resolve();
      if ("rejectsWith" in this.faults) throw this.faults.rejectsWith;
      return run();
    };
    const guarded =
      (method: string, run: (...args: never[]) => unknown) =>
      (...args: unknown[]) => {
        if ("throwsAtOnce" in this.faults) throw this.faults.throwsAtOnce;
        const promise = call(method, args, () => run(...(args as never[])));
        this.returned.add(promise);
        return promise;
      };
    const sending = {
      send: guarded("send", (record: ProducerRecord) => this.#append([record], record.acks, partitioner)),
      sendBatch: guarded("sendBatch", (batch: ProducerBatch) =>
        this.#append(batch.topicMessages ?? [], batch.acks, partitioner),
      ),
    };
    let isActive = true;
    const transaction = guarded("transaction", () => ({
      ...sending,
      sendOffsets: guarded("sendOffsets", () => undefined),
      commit: guarded("commit", () => void (isActive = false)),
      abort: guarded("abort", () => void (isActive = false)),
      isActive: () => isActive,
    }));
    const producer = {
      connect: async () => emit("producer.connect", undefined),
      disconnect: async () => emit("producer.disconnect", undefined),
      isIdempotent: () => config?.idempotent ?? false,
      events: eventsOf("producer"),
      on,
      ...sending,
      transaction,
      logger: () => this.logger(),
      emit,
    };
    return producer as unknown as Producer;
  }

  consumer(config?: ConsumerConfig): Consumer {
    this.configs.push(config);
    const consumer = new FakeConsumer(this, config?.groupId ?? "");
    this.consumers.push(consumer);
    return consumer.client;
  }

  #append(
    parts: readonly { topic: string; messages: Message[] }[],
    acks: number | undefined,
    partitioner: ReturnType<ICustomPartitioner>,
  ): RecordMetadata[] {
    const acknowledged = new Map<string, RecordMetadata>();
    for (const { topic, messages } of parts) {
      if (!messages) throw new Error(`Invalid messages array [${String(messages)}] for topic "${topic}"`);
      for (const message of messages) {
        if (message.value === undefined)
          throw new Error(`Invalid message without value for topic "${topic}"`);
        let partition = 0;
        for (let attempt = 0; attempt < (this.faults.attempts ?? 1); attempt++) {
          partition = partitioner({ topic, partitionMetadata: this.#metadata(), message });
        }
        if (this.faults.unacknowledged?.includes(partition)) continue;
        const offset = this.#nextOffset(topic, partition);
        this.log.push({ topic, partition, offset, message: encode(message) });
        const at = `${topic}/${partition}`;
        if (!acknowledged.has(at)) {
          acknowledged.set(at, { topicName: topic, partition, errorCode: 0, baseOffset: offset });
        }
      }
    }
    if ("metadata" in this.faults) return this.faults.metadata as RecordMetadata[];
    return acks === 0 ? [] : [...acknowledged.values()];
  }

  #metadata() {
    return Array.from({ length: this.partitions }, (_, partitionId) => ({
      partitionId,
      leader: 1,
      partitionErrorCode: 0,
      replicas: [1],
      isr: [1],
    }));
  }

  #nextOffset(topic: string, partition: number): string {
    const at = `${topic}/${partition}`;
    const offset = this.#nextOffsets.get(at) ?? 0;
    this.#nextOffsets.set(at, offset + 1);
    return String(offset);
  }
}

/** What kafkajs's encoder reads of a message, with its own TypeError for a header that is null, undefined or a number. */
function encode({ key, value, timestamp, headers = {} }: Message): Message {
  const encoded: NonNullable<Message["headers"]> = {};
  for (const name of Object.keys(headers)) {
    const given = headers[name];
    for (const one of Array.isArray(given) ? given : [given]) Buffer.byteLength(one as string);
    encoded[name] = given;
  }
  return { key: key ?? null, value, headers: encoded, ...(timestamp !== undefined && { timestamp }) };
}

/** Partition of the message where it names one, else one after the other. */
function roundRobin(): ReturnType<ICustomPartitioner> {
  let next = 0;
  return ({ message, partitionMetadata }) => message.partition ?? next++ % partitionMetadata.length;
}
