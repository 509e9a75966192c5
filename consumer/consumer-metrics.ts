import { ValueType } from "@opentelemetry/api";
import type { Attributes, Counter, Histogram, ObservableGauge, UpDownCounter } from "@opentelemetry/api";
import type { Tracing } from "../trace-context/index.ts";

/** Seconds; the buckets that the messaging conventions ask for. */
const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
/** Seconds; messages wait from milliseconds to days. */
const DELAY_BUCKETS = [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1800, 3600, 21_600, 86_400];

/**
 * The metrics of a traced consumer. The first three are the messaging conventions'; the others are kafka-trail's own,
 * for what operators of message systems watch: connection state, backlog, delay, error rate and throughput.
 */
export interface ConsumerMetrics {
  /** Deliveries to a handler, redeliveries included: the throughput. */
  readonly consumed: Counter;
  /** Time in the handler; with `error.type` where it failed. */
  readonly processDuration: Histogram;
  /** Time of explicit commits. */
  readonly operationDuration: Histogram;

  /** 1 while the client is connected. */
  readonly connected: UpDownCounter;
  /** Connections made after one was lost or closed. */
  readonly reconnects: Counter;
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

const seconds = (explicitBucketBoundaries: number[]) => ({ unit: "s", advice: { explicitBucketBoundaries } });

function createConsumerMetrics({ meter }: Tracing): ConsumerMetrics {
  const counter = (name: string, unit: string, description: string) =>
    meter.createCounter(name, { unit, description, valueType: ValueType.INT });
  return {
    consumed: counter(
      "messaging.client.consumed.messages",
      "{message}",
      "Messages delivered to the application",
    ),
    processDuration: meter.createHistogram("messaging.process.duration", seconds(DURATION_BUCKETS)),
    operationDuration: meter.createHistogram(
      "messaging.client.operation.duration",
      seconds(DURATION_BUCKETS),
    ),
    connected: meter.createUpDownCounter("kafka_trail.client.connected", {
      unit: "{client}",
      description: "Clients that are connected",
      valueType: ValueType.INT,
    }),
    reconnects: counter(
      "kafka_trail.client.reconnects",
      "{connection}",
      "Connections after a lost or closed one",
    ),
    lag: meter.createObservableGauge("kafka_trail.consumer.lag", {
      unit: "{message}",
      description: "Messages behind the end of the log, as of the last fetch",
      valueType: ValueType.INT,
    }),
    delay: meter.createHistogram("kafka_trail.consumer.delay", seconds(DELAY_BUCKETS)),
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
}

const metricsOf = new WeakMap<Tracing, ConsumerMetrics>();

/** Returns the metrics of a client's consumers: one set of instruments, however many consumers it has. */
export function consumerMetrics(tracing: Tracing): ConsumerMetrics {
  const known = metricsOf.get(tracing);
  if (known !== undefined) return known;
  const created = createConsumerMetrics(tracing);
  metricsOf.set(tracing, created);
  return created;
}

/** Returns the attributes shared by all metrics of one topic: few values each, so no partition and no member. */
export function metricAttributes(
  tracing: Tracing,
  operation: string,
  topic: string | undefined,
  consumerGroup: string | undefined,
): Attributes {
  const attributes: Attributes = {};
  for (const names of tracing.names) {
    attributes[names.system] = "kafka";
    attributes[names.operationName] = operation;
    if (topic !== undefined) attributes[names.destinationName] = topic;
    if (consumerGroup !== undefined) attributes[names.consumerGroup] = consumerGroup;
  }
  return attributes;
}
