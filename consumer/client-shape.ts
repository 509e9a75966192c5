import type { Headers } from "../trace-context/index.ts";

/** A message as kafkajs and clients of its shape hand it to a handler. */
export interface ReceivedMessage {
  readonly key?: Buffer | string | null | undefined;
  readonly value?: Buffer | string | null | undefined;
  readonly timestamp?: string | undefined;
  readonly offset: string;
  readonly headers?: Headers | undefined;
}

/** What `eachMessage` is called with, as far as it is looked at. */
export interface EachMessagePayload {
  readonly topic: string;
  readonly partition: number;
  readonly message: ReceivedMessage;
}

/** One fetch of one partition. `fetchedOffset` is kafkajs's own and not in its typings. */
export interface MessageBatch {
  readonly topic: string;
  readonly partition: number;
  readonly messages: readonly ReceivedMessage[];
  readonly highWatermark?: string | undefined;
  readonly fetchedOffset?: string | undefined;
  lastOffset?(): string;
}

/** What `eachBatch` is called with, as far as it is looked at. */
export interface EachBatchPayload {
  readonly batch: MessageBatch;
  resolveOffset(offset: string): void;
  commitOffsetsIfNecessary(offsets?: unknown): Promise<void>;
  isRunning(): boolean;
  isStale(): boolean;
}

/** A handler as the client calls it: whatever it returns goes back to the client as it is. */
export type Handler<P> = (this: unknown, payload: P) => unknown;

/** What `run` is called with, as far as it is looked at. */
export interface RunConfig {
  readonly eachMessage?: Handler<EachMessagePayload> | null | undefined;
  readonly eachBatch?: Handler<EachBatchPayload> | null | undefined;
  readonly eachBatchAutoResolve?: boolean | undefined;
}

/** A consumer of kafkajs's shape. `on` and `events` are missing, or throw, in clients without instrumentation events. */
export interface ConsumerLike {
  run(config?: object): Promise<void>;
  commitOffsets(offsets: never): Promise<void>;
  seek(position: never): void;
}

/** Offsets as `commitOffsets` takes them: each is the next one to read. */
export interface TopicPartitionOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
}

/** Offsets as `commitOffsetsIfNecessary` and the event COMMIT_OFFSETS spell them; partitions may be strings there. */
export interface OffsetsByTopic {
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly { readonly partition: number | string; readonly offset: unknown }[];
  }[];
}
