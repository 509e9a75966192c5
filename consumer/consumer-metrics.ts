import { ValueType } from "@opentelemetry/api";
import type { Counter, Histogram, ObservableGauge } from "@opentelemetry/api";
import { createClientMetrics, createCounter, createTimer, oncePerClient } from "../trace-context/index.ts";
import type { ClientMetrics } from "../trace-context/index.ts";

/** Seconds; messages wait from milliseconds to days. */
const DELAY_BUCKETS = [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1800, 3600, 21_600, 86_400];

/**
 * The metrics of a traced consumer. `consumed`, `processDuration` and `operationDuration` are the messaging conventions';
 * the others are kafka-trail's own, for what operators of message systems watch: connection state, backlog, delay, error
 * rate and throughput.
 */
export interface ConsumerMetrics extends ClientMetrics {
  /** Deliveries to a handler, redeliveries included: the throughput. */
  readonly consumed: Counter;
  /** Time in the handler; with `error.type` where it failed. */
  readonly processDuration: Histogram;
  /** Messages behind the end of the partition's log, as of the last fetch: the backlog. */
  readonly lag: ObservableGauge;
  /** Time from a message's timestamp to the start of its processing. */
  readonly delay: Histogram;
  /** Handler calls that failed: over `consumed`, the error rate. */
  readonly failures: Counter;
  /** Deliveries of a message whose delivery before had failed. */
  readonly redeliveries: Counter;
  /** Deliveries of a message that this process had already processed for the group. */
  readonly duplicates: Counter;
  /** Commits that the broker acknowledged, automatic ones included. */
  readonly commits: Counter;
  readonly rebalances: Counter;
  /** Crashes of the consumer; `kafka_trail.restart` says whether it comes back by itself. */
  readonly crashes: Counter;
}

/** Returns the metrics of a client's consumers. */
export const consumerMetrics = oncePerClient(({ meter }): ConsumerMetrics => {
  const counter = (name: string, unit: string, description: string) =>
    createCounter(meter, name, unit, description);
  return {
    ...createClientMetrics(meter),
    consumed: counter(
      "messaging.client.consumed.messages",
      "{message}",
      "Messages delivered to the application",
    ),
    processDuration: createTimer(meter, "messaging.process.duration", "Duration of processing messages"),
    lag: meter.createObservableGauge("kafka_trail.consumer.lag", {
      unit: "{message}",
      description: "Messages behind the end of the log, as of the last fetch",
      valueType: ValueType.INT,
    }),
    delay: createTimer(
      meter,
      "kafka_trail.consumer.delay",
      "From a message's timestamp to the start of its processing",
      DELAY_BUCKETS,
    ),
    failures: counter("kafka_trail.consumer.failures", "{call}", "Handler calls that failed"),
    redeliveries: counter("kafka_trail.consumer.redeliveries", "{message}", "Deliveries after a failed one"),
    duplicates: counter(
      "kafka_trail.consumer.duplicates",
      "{message}",
      "Deliveries of what was already processed",
    ),
    commits: counter("kafka_trail.consumer.commits", "{commit}", "Commits that the broker acknowledged"),
    rebalances: counter(
      "kafka_trail.consumer.rebalances",
      "{rebalance}",
      "Rebalances that this member took part in",
    ),
    crashes: counter("kafka_trail.consumer.crashes", "{crash}", "Crashes of the consumer"),
  };
});
