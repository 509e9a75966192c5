import { randomBytes } from "node:crypto";
import { aSpan, Kind, type TestSpan } from "./otlp.ts";

/** One order on its way through a small shop: sent once, handled by two groups, failed once, put aside. */
export interface OrderTrail {
  readonly traceId: string;
  readonly topic: string;
  /** `topic/partition/offset` of the order. */
  readonly place: string;
  readonly key: string;
  readonly spans: readonly TestSpan[];
}

const MS = 1_000_000n;

/** Makes the spans that a traced shop would export for an order at this place. */
export function orderTrail(
  given: {
    topic?: string;
    partition?: number;
    messageOffset?: number;
    key?: string;
    minutesAgo?: number;
  } = {},
): OrderTrail {
  const {
    topic = "orders",
    partition = 3,
    messageOffset = 4711,
    key = `order-${randomBytes(4).toString("hex")}`,
    minutesAgo = 0,
  } = given;
  const traceId = randomBytes(16).toString("hex");
  const startNs = BigInt(Date.now() - minutesAgo * 60_000 - 5_000) * MS;
  const at = {
    "messaging.system": "kafka",
    "messaging.destination.name": topic,
    "messaging.destination.partition.id": String(partition),
    "messaging.kafka.offset": messageOffset,
    "messaging.kafka.message.key": key,
  };
  const sent = aSpan({
    traceId,
    name: `send ${topic}`,
    kind: Kind.producer,
    startNs,
    endNs: startNs + 2n * MS,
    attributes: { ...at, "messaging.operation.name": "send", "messaging.operation.type": "send" },
  });
  const processed = (service: string, beginMs: bigint, more: Partial<TestSpan> & { attempt: number }) =>
    aSpan({
      traceId,
      parentSpanId: sent.spanId,
      links: [{ traceId, spanId: sent.spanId }],
      name: `process ${topic}`,
      kind: Kind.consumer,
      service,
      startNs: startNs + beginMs * MS,
      endNs: startNs + (beginMs + 40n) * MS,
      ...more,
      attributes: {
        ...at,
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.consumer.group.name": service,
        "kafka_trail.attempt": more.attempt,
        ...more.attributes,
      },
    });
  const failed = processed("billing", 15n, {
    attempt: 1,
    status: { code: 2 },
    attributes: { "error.type": "TimeoutError" },
  });
  const deadLetter = aSpan({
    traceId,
    parentSpanId: failed.spanId,
    name: `send ${topic}.dlq`,
    kind: Kind.producer,
    service: "billing",
    startNs: startNs + 50n * MS,
    endNs: startNs + 52n * MS,
    attributes: {
      ...at,
      "messaging.destination.name": `${topic}.dlq`,
      "messaging.destination.partition.id": "0",
      "messaging.operation.name": "send",
      "messaging.operation.type": "send",
      "kafka_trail.origin": `${topic}/${partition}/${messageOffset}`,
      "kafka_trail.origin.group": "billing",
    },
  });
  return {
    traceId,
    topic,
    place: `${topic}/${partition}/${messageOffset}`,
    key,
    spans: [sent, processed("inventory", 12n, { attempt: 1 }), failed, deadLetter],
  };
}
