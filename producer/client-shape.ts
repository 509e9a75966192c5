import type { Headers } from "../trace-context/index.ts";

/** One message as an app hands it to `send`, as far as it is looked at. */
export interface OutgoingMessage {
  readonly key?: Buffer | string | null | undefined;
  readonly value?: Buffer | string | null | undefined;
  readonly partition?: number | undefined;
  readonly headers?: Headers | undefined;
  readonly timestamp?: string | undefined;
}

/** A topic and its messages: what `send` takes, and each part of what `sendBatch` takes. */
export interface TopicMessages {
  readonly topic: string;
  readonly messages: readonly OutgoingMessage[];
}

/** What `sendBatch` takes. */
export interface ProducerBatch {
  readonly topicMessages: readonly TopicMessages[];
}

/** One partition's acknowledgement, as a resolved send lists them. Old brokers say `offset` for `baseOffset`. */
export interface RecordMetadata {
  readonly topicName: string;
  readonly partition: number;
  readonly baseOffset?: string | undefined;
  readonly offset?: string | undefined;
}

/** What `sendOffsets` takes. Each offset is the next one to read. kafkajs is told the group, Confluent's client the consumer. */
export interface TransactionOffsets {
  readonly consumerGroupId?: string | undefined;
  readonly consumer?: unknown;
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly { readonly partition: number | string; readonly offset: unknown }[];
  }[];
}

/** A producer of kafkajs's shape. */
export interface ProducerLike {
  send(record: never): unknown;
  sendBatch(batch: never): unknown;
}

/** A method of a client: called with what the app gave, it returns what the app gets. */
export type ClientCall = (...args: unknown[]) => unknown;
