import type { SpanRow } from "../../trace-store/span/span-row.ts";
import { Operation } from "../../trace-store/span/vocabulary.ts";
import { aSpan, encodeTraces, type Attributes, type TestSpan } from "../../test/support/otlp.ts";

const NO_RESOURCE = {};
const SCOPE = { name: "@opentelemetry/instrumentation-kafkajs", version: "0.32.0" };
const OPERATIONS = { [Operation.send]: "send", [Operation.process]: "process" } as Record<number, string>;

/** Encodes rows as a collector would have sent them: one request, the spans of one service side by side. */
export function encodeRows(rows: readonly SpanRow[]): Buffer {
  const sorted = rows.toSorted((a, b) => (a.service < b.service ? -1 : Number(a.service > b.service)));
  return encodeTraces(sorted.map(asSent));
}

function asSent(row: SpanRow): TestSpan {
  return aSpan({
    traceId: row.traceId,
    spanId: row.spanId,
    parentSpanId: row.parentSpanId ?? "",
    name: row.name,
    kind: row.kind,
    startNs: row.startNs,
    endNs: row.startNs + row.durationNs,
    service: row.service,
    resource: NO_RESOURCE,
    scope: SCOPE,
    status: row.status === 0 ? {} : { code: row.status },
    links: row.links,
    attributes: {
      ...(JSON.parse(row.attributes.toString()) as Attributes),
      ...(row.topic !== null && messageAttributes(row)),
    },
  });
}

function messageAttributes(row: SpanRow): Attributes {
  const operation = OPERATIONS[row.operation] ?? "receive";
  return {
    "messaging.destination.name": row.topic,
    "messaging.operation.name": operation,
    "messaging.operation.type": operation,
    "messaging.destination.partition.id": String(row.partition),
    "messaging.kafka.offset": Number(row.messageOffset),
    "messaging.kafka.message.key": row.messageKey,
    ...(row.messageId !== null && { "messaging.message.id": row.messageId }),
    ...(row.consumerGroup !== null && { "messaging.consumer.group.name": row.consumerGroup }),
  };
}
