import type { Counter } from "@opentelemetry/api";
import { createClientMetrics, createCounter, oncePerClient } from "../trace-context/index.ts";
import type { ClientMetrics } from "../trace-context/index.ts";

/**
 * The metrics of a traced producer. `sent` and `operationDuration` are the messaging conventions': throughput, delay and,
 * by `error.type`, error rate. The others are kafka-trail's own.
 */
export interface ProducerMetrics extends ClientMetrics {
  /** Messages that the app sent; with `error.type` where the send failed. */
  readonly sent: Counter;
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

/** Returns the metrics of a client's producers. */
export const producerMetrics = oncePerClient(({ meter }): ProducerMetrics => {
  const counter = (name: string, unit: string, description: string) =>
    createCounter(meter, name, unit, description);
  return {
    ...createClientMetrics(meter),
    sent: counter("messaging.client.sent.messages", "{message}", "Messages that the application sent"),
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
});
