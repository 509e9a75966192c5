import { randomUUID } from "node:crypto";
import type { Consumer, Kafka } from "kafkajs";
import { CommitBuffer } from "./commit-buffer.ts";
import { readCommitRecord } from "./commit-record.ts";
import type { Commit } from "./known.ts";
import type { Look, Scope } from "./look.ts";

const OFFSETS_TOPIC = "__consumer_offsets";
/** Prefix of the groups under which watchers read; they commit nothing and are never watched. */
export const WATCHER_GROUP_PREFIX = "kafka-trail-watcher-";
/** A topic that is not read to its end by then is not read at all: polling answers sooner. */
const CATCH_UP_MS = 30_000;
/**
 * The broker gathers commits for so long, or so many of them, before it answers a fetch: one that came back with each commit
 * took 1.4 % of a core for 100 groups' commits in ten seconds. Stopping waits for a fetch.
 */
const FETCH_WAIT_MS = 500;
const FETCH_BYTES_MIN = 1_048_576;

/** Every commit of every group, as the broker itself writes them down. */
export interface CommitStream {
  /** Commits since the last call, in order. */
  take(): Commit[];
  /** Why nothing comes any more. */
  fault(): Error | undefined;
  stop(): Promise<void>;
}

/**
 * Reads `__consumer_offsets` from its beginning, and returns when it was read to its present end.
 *
 * The consumer never commits: otherwise it would feed itself. Throws where the topic may not be read, does not exist yet,
 * or is not read through in 30 seconds or before `stopping`.
 */
export async function openCommitStream(
  kafka: Kafka,
  look: Look,
  scope: Scope,
  stopping: AbortSignal,
): Promise<CommitStream> {
  const logs = await look.logsOf(OFFSETS_TOPIC);
  if (logs.length === 0)
    throw new Error(
      `The broker shows no ${OFFSETS_TOPIC}: nobody committed yet, or this user may not see it.`,
    );
  const ends = new Map(
    logs
      .filter(({ logStart, logEnd }) => logStart !== logEnd)
      .map(({ partition, logEnd }) => [partition, logEnd]),
  );
  const consumer = kafka.consumer({
    groupId: `${WATCHER_GROUP_PREFIX}${randomUUID()}`,
    maxWaitTimeInMs: FETCH_WAIT_MS,
    minBytes: FETCH_BYTES_MIN,
    // After a crash a stream of its own is opened. kafkajs's restart would come later, also after the disconnect, and go on
    // for ever, in a process that then never ends.
    retry: { retries: 3, restartOnFailure: () => Promise.resolve(false) },
  });
  let fault: Error | undefined;
  const behind = new Set(ends.keys());
  const buffer = new CommitBuffer();
  consumer.on(consumer.events.CRASH, ({ payload }) => (fault = payload.error));
  let joins = 0;
  consumer.on(consumer.events.GROUP_JOIN, () => {
    // Without commits of its own it begins at the beginning again, and old commits would pass for rewinds.
    if (++joins > 1)
      fault = new Error(`The reader of ${OFFSETS_TOPIC} was put out of its group and joined again.`);
  });
  // Tells of batches without a visible record as well: the topic has transaction markers.
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload: { partition, lastOffset } }) => {
    if (BigInt(lastOffset) + 1n >= (ends.get(partition) ?? 0n)) behind.delete(partition);
  });
  const stop = () => stopConsumer(consumer);
  try {
    await consumer.connect();
    await consumer.subscribe({ topic: OFFSETS_TOPIC, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        for (const { key, value, timestamp } of batch.messages) {
          const record = readCommitRecord(key, value, Number(timestamp));
          if (record === undefined) continue;
          if (scope.isGroupWatched(record.groupId) && scope.isTopicWatched(record.topic)) buffer.add(record);
        }
      },
    });
    await until(() => behind.size === 0 || fault !== undefined || stopping.aborted, CATCH_UP_MS);
    if (fault) throw fault;
    stopping.throwIfAborted();
    if (behind.size > 0) throw new Error(`${OFFSETS_TOPIC} was not read to its end in ${CATCH_UP_MS} ms.`);
  } catch (cause) {
    await stop();
    throw cause;
  }
  buffer.live();
  return { take: () => buffer.take(), fault: () => fault, stop };
}

async function stopConsumer(consumer: Consumer): Promise<void> {
  // It may never have connected, or be in the middle of a crash: there is nothing left to save.
  await consumer.disconnect().catch(() => undefined);
}

async function until(isDone: () => boolean, limitMs: number): Promise<void> {
  const deadlineMs = performance.now() + limitMs;
  while (!isDone() && performance.now() < deadlineMs) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
