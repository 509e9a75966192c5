import { randomBytes } from "node:crypto";
import { Kafka, logLevel, type Message, type Producer, type RecordMetadata } from "kafkajs";
import type { Library } from "./library.ts";
import { messagesOf, PARTITIONS, type LossLane } from "./loss-lanes.ts";
import { collectSpans, type CollectedSpans } from "./spans.ts";

/**
 * The other brokers must have answered before the retry, or kafkajs asks them again and loses nothing: with its default
 * of 300 ms that is so on an idle machine, and with every lane sending at once it is not.
 */
const RETRY = { initialRetryTime: 1_500, maxRetryTime: 2_000, retries: 30 };

export interface ResolvedSend {
  readonly messages: number;
  /** Partitions for which the client told the app an offset. */
  readonly acknowledged: ReadonlySet<number>;
}

/** What one lane sent, and what the app was told. */
export class LossClient {
  readonly lane: LossLane;
  readonly topic: string;
  readonly spans: CollectedSpans = collectSpans();
  /** Each send that the client resolved, by its number. */
  readonly resolved = new Map<number, ResolvedSend>();
  rejected = 0;
  readonly #producer: Producer;

  constructor(lane: LossLane, topic: string, brokers: readonly string[], library: Library) {
    this.lane = lane;
    this.topic = topic;
    const plain = new Kafka({
      clientId: "gate",
      brokers: [...brokers],
      logLevel: logLevel.NOTHING,
      requestTimeout: 5_000,
    });
    const kafka =
      lane.mode === "without us"
        ? plain
        : library.traceKafka(plain, {
            ...this.spans.options,
            createSpansMax: 10_000,
            messageId: (_, { value }) => String(value),
            resendUnacknowledged: lane.mode === "cured",
          });
    this.#producer = kafka.producer({
      idempotent: lane.isIdempotent ?? false,
      retry: RETRY,
      ...(lane.isTransactional === true && {
        transactionalId: `gate-${randomBytes(4).toString("hex")}`,
        maxInFlightRequests: 1,
      }),
    });
  }

  /** Connects, and learns where every partition is. */
  async connect(): Promise<void> {
    await this.#producer.connect();
    await this.#deliver(
      Array.from({ length: PARTITIONS }, (_, partition) => ({ partition, value: "warm-up" })),
    );
  }

  /** Sends once; what rejects is not sent again, but for a transaction, which the app begins anew. */
  async send(send: number, count: number): Promise<void> {
    const messages = messagesOf(this.lane, send, count);
    const deliver = async () =>
      this.resolved.set(send, { messages: count, acknowledged: await this.#deliver(messages) });
    try {
      await deliver();
    } catch {
      this.rejected++;
      if (this.lane.isTransactional === true) await deliver();
    }
  }

  disconnect(): Promise<void> {
    return this.#producer.disconnect();
  }

  async #deliver(messages: Message[]): Promise<ReadonlySet<number>> {
    const partitionsOf = (told: RecordMetadata[]) => new Set(told.map(({ partition }) => partition));
    if (this.lane.isTransactional !== true)
      return partitionsOf(await this.#producer.send({ topic: this.topic, messages }));
    const transaction = await this.#producer.transaction();
    try {
      const told = await transaction.send({ topic: this.topic, messages });
      await transaction.commit();
      return partitionsOf(told);
    } catch (error) {
      await transaction.abort();
      throw error;
    }
  }
}
