import type { EachBatchPayload, MessageBatch, ReceivedMessage } from "./client-shape.ts";
import type { BatchWork } from "./batch-work.ts";
import type { Guard } from "../trace-context/index.ts";
import { runWork } from "./work.ts";

interface TracedBatch {
  readonly work: BatchWork;
  readonly guard: Guard;
}

/** By payload and by batch: an app may pass on either. An entry lives as long as the batch does. */
const tracedBatches = new WeakMap<object, TracedBatch>();

/** Makes a batch known to {@link traceMessage}. */
export function rememberBatch(payload: EachBatchPayload, traced: TracedBatch): void {
  tracedBatches.set(payload, traced);
  tracedBatches.set(payload.batch, traced);
}

/**
 * Calls `fn` inside a `process` span of its own for one message of a batch, and returns what it returns. Outside of a
 * traced consumer it only calls `fn`.
 *
 * Use it inside `eachBatch` where messages are handled one by one: the span has the message's own time and outcome, and
 * `currentMessage()` names it. Pass what `eachBatch` was called with, or its `batch`.
 *
 * @example
 * await consumer.run({
 *   eachBatch: async (payload) => {
 *     for (const message of payload.batch.messages) {
 *       await traceMessage(payload, message, () => handle(message));
 *       payload.resolveOffset(message.offset);
 *     }
 *   },
 * });
 */
export function traceMessage<T>(
  batch: { readonly batch: MessageBatch } | MessageBatch,
  message: ReceivedMessage,
  fn: () => T,
): T {
  const traced = tracedBatches.get(batch) ?? tracedBatches.get((batch as EachBatchPayload).batch ?? batch);
  if (traced === undefined) return fn();
  const work = traced.guard.try(() => traced.work.startMessage(message));
  if (work === undefined) return fn();
  return runWork(work, traced.guard, fn as () => unknown, undefined, undefined) as T;
}
