import { context, createContextKey } from "@opentelemetry/api";
import type { Context, SpanContext } from "@opentelemetry/api";

/** The message being processed: what a log line, a forwarded copy or a send caused by it may want to name. */
export interface MessageRef {
  readonly topic: string;
  readonly partition: number;
  readonly messageOffset: bigint;
  readonly consumerGroup?: string | undefined;
  /** Which delivery of this message to this group this is, from 1. */
  readonly attempt: number;
  /** The message's own timestamp, milliseconds since 1970. */
  readonly timestampMs?: number | undefined;
  /** `traceparent` as the message's headers spell it: a send that carries the same one has copied it. */
  readonly traceparent?: string | undefined;
  /** What the message's headers said its creator was. */
  readonly spanContext?: SpanContext | undefined;
}

const CURRENT_MESSAGE = createContextKey("kafka-trail current message");

/** Returns the message being processed, `undefined` outside of a traced handler. */
export function currentMessage(ctx: Context = context.active()): MessageRef | undefined {
  return ctx.getValue(CURRENT_MESSAGE) as MessageRef | undefined;
}

/** Returns a context in which `ref` is the message being processed. */
export function setCurrentMessage(ctx: Context, ref: MessageRef): Context {
  return ctx.setValue(CURRENT_MESSAGE, ref);
}
