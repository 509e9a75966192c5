import type { TraceOptions } from "../trace-context/index.ts";
import { createTracedKafka, traceConsumerOf, traceProducerOf } from "./traced-clients.ts";

/**
 * Returns a producer whose every message carries its own trace context and leaves a span.
 *
 * Use it in place of `producer`, which keeps working untraced. Prefer {@link traceKafka} where the Kafka client is at
 * hand: this producer's partitioner is out of reach, so the offsets of a batch are recorded only where each message
 * names its partition or one partition answered. Never throws; the promise of a call is the client's own.
 *
 * @example
 * const producer = traceProducer(kafka.producer());
 * await producer.send({ topic: "orders", messages: [{ key: "order-7", value: "{}" }] });
 */
export function traceProducer<P extends object>(
  producer: P,
  options: TraceOptions & { clientId?: string; transactionalId?: string } = {},
): P {
  const { clientId, transactionalId } = options ?? {};
  const source = createTracedKafka(options, { clientId });
  return traceProducerOf(source, producer, { transactionalId });
}

/**
 * Returns a consumer that leaves a span of each message it processes, as a child of the span that sent it.
 *
 * Use it in place of `consumer`, which keeps working untraced. `groupId` is the one the consumer was made with: without
 * it the spans name their group only once the client has joined it. Never throws; the handler's own error reaches
 * the client as the same object.
 *
 * @example
 * const consumer = traceConsumer(kafka.consumer({ groupId: "billing" }), { groupId: "billing" });
 * await consumer.run({ eachMessage: async ({ message }) => charge(message) });
 */
export function traceConsumer<C extends object>(
  consumer: C,
  options: TraceOptions & { groupId?: string; clientId?: string } = {},
): C {
  const { clientId, groupId } = options ?? {};
  const source = createTracedKafka(options, { clientId });
  return traceConsumerOf(source, consumer, { groupId });
}
