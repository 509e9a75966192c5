import type { SpanContext } from "@opentelemetry/api";
import type { MessageRef } from "../trace-context/index.ts";

/** A message's name for as long as its context lives. It keeps no buffer: that would keep a whole fetch in memory. */
export class CurrentMessage implements MessageRef {
  readonly topic: string;
  readonly partition: number;
  readonly consumerGroup: string | undefined;
  readonly attempt: number;
  readonly timestampMs: number | undefined;
  readonly traceparent: string | undefined;
  readonly spanContext: SpanContext | undefined;
  readonly #offset: string;

  constructor(
    topic: string,
    partition: number,
    offset: string,
    consumerGroup: string | undefined,
    attempt: number,
    timestampMs: number | undefined,
    traceparent: string | undefined,
    spanContext: SpanContext | undefined,
  ) {
    this.topic = topic;
    this.partition = partition;
    this.#offset = offset;
    this.consumerGroup = consumerGroup;
    this.attempt = attempt;
    this.timestampMs = timestampMs;
    this.traceparent = traceparent;
    this.spanContext = spanContext;
  }

  // Made when it is asked for: most handlers never ask.
  get messageOffset(): bigint {
    return BigInt(this.#offset);
  }
}
