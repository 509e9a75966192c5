import { ValueType } from "@opentelemetry/api";
import type { Counter, Histogram, UpDownCounter } from "@opentelemetry/api";
import type { Tracing } from "../trace-context/index.ts";

/** Seconds; the buckets that the messaging conventions ask for. */
const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/**
 * The metrics of a traced producer. The first two are the messaging conventions': throughput, delay and, by `error.type`,
 * error rate. The others are kafka-trail's own.
 */
export interface ProducerMetrics {
  /** Messages that the app sent; with `error.type` where the send failed. */
  readonly sent: Counter;
  /** Time of a send, of `sendOffsets`, and of a transaction's end. */
  readonly operationDuration: Histogram;

  /** 1 while the client is connected. */
  readonly connected: UpDownCounter;
  /** Connections made after one was lost or closed. */
  readonly reconnects: Counter;
  /** Attempts after the first, by sends. */
  readonly retries: Counter;
  /** Messages of resolved sends that no broker acknowledged. */
  readonly unacknowledged: Counter;
  /** Messages that were sent again because no broker had acknowledged them. */
  readonly resent: Counter;
  /** Resolved sends whose messages may be lost or doubled. */
  readonly suspect: Counter;
  /** Resolved sends whose offsets cannot be trusted. */
  readonly uncertain: Counter;
}

function createProducerMetrics({ meter }: Tracing): ProducerMetrics {
  const counter = (name: string, unit: string, description: string) =>
    meter.createCounter(name, { unit, description, valueType: ValueType.INT });
  return {
    sent: counter("messaging.client.sent.messages", "{message}", "Messages that the application sent"),
    operationDuration: meter.createHistogram("messaging.client.operation.duration", {
      unit: "s",
      advice: { explicitBucketBoundaries: DURATION_BUCKETS },
    }),
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
    retries: counter("kafka_trail.producer.retries", "{attempt}", "Attempts of sends after the first"),
    unacknowledged: counter(
      "kafka_trail.producer.unacknowledged",
      "{message}",
      "Messages of resolved sends that no broker acknowledged",
    ),
    resent: counter(
      "kafka_trail.producer.resent",
      "{message}",
      "Unacknowledged messages that were sent again",
    ),
    suspect: counter(
      "kafka_trail.producer.suspect",
      "{send}",
      "Resolved sends that may have lost or doubled messages",
    ),
    uncertain: counter(
      "kafka_trail.producer.uncertain",
      "{send}",
      "Resolved sends whose offsets cannot be trusted",
    ),
  };
}

const metricsOf = new WeakMap<Tracing, ProducerMetrics>();

/** Returns the metrics of a client's producers: one set of instruments, however many producers it has. */
export function producerMetrics(tracing: Tracing): ProducerMetrics {
  const known = metricsOf.get(tracing);
  if (known !== undefined) return known;
  const created = createProducerMetrics(tracing);
  metricsOf.set(tracing, created);
  return created;
}
