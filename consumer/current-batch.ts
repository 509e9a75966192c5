import { context, createContextKey } from "@opentelemetry/api";
import type { Context } from "@opentelemetry/api";

/** The batch being processed, as far as a message of it can be named from it. */
export interface BatchRef {
  readonly topic: string;
  readonly partition: number;
  readonly consumerGroup: string | undefined;
  /** True for the offset of a message of this batch. */
  holds(offset: number): boolean;
  attemptOf(offset: number): number;
}

const CURRENT_BATCH = createContextKey("kafka-trail current batch");

/** Returns the batch being processed, `undefined` outside of a traced `eachBatch`. */
export function currentBatch(ctx: Context = context.active()): BatchRef | undefined {
  return ctx.getValue(CURRENT_BATCH) as BatchRef | undefined;
}

/** Returns a context in which `batch` is the one being processed. */
export function setCurrentBatch(ctx: Context, batch: BatchRef): Context {
  return ctx.setValue(CURRENT_BATCH, batch);
}
