import { NAMES_1_44, NAMES_1_45 } from "kafka-trail/trace-context";

/** A column of a span that may give an attribute back. */
export type GivingColumn = "partition" | "message_offset" | "message_key" | "message_id";

/** What may be done with an attribute of some name, so that it need not stand in the span's own row. */
export interface Shareable {
  readonly name: string;
  /** From 0, its own for each name. */
  readonly index: number;
  /** Which column may give it back; `null`: it goes with the resource, value and all. */
  readonly column: GivingColumn | null;
  /** One bit for each column; 0 for none. */
  readonly columnBit: number;
}

/**
 * Names whose values a program repeats: they depend on the topic, the group and what is done, and on nothing else. None of
 * those by which SQL functions look into stored attributes (`kafka_trail.*`, `error.type`, `messaging.batch.message_count`).
 */
const REPEATED = [
  NAMES_1_44.system,
  NAMES_1_45.system,
  NAMES_1_44.destinationName,
  "messaging.destination",
  "messaging.destination.kind",
  "messaging.destination_kind",
  NAMES_1_44.operationName,
  NAMES_1_44.operationType,
  "messaging.operation",
  NAMES_1_44.consumerGroup,
  "messaging.kafka.consumer.group",
  "messaging.kafka.consumer_group",
  NAMES_1_44.clientId,
  "messaging.client_id",
  "messaging.kafka.client_id",
];
const GIVEN: readonly (readonly [column: GivingColumn, ...names: string[]])[] = [
  [
    "partition",
    NAMES_1_44.partitionId,
    "messaging.kafka.destination.partition",
    "messaging.kafka.source.partition",
    "messaging.kafka.partition",
  ],
  ["message_offset", NAMES_1_44.offset, NAMES_1_45.offset, "messaging.kafka.message.offset"],
  ["message_key", NAMES_1_44.key, NAMES_1_45.key, "messaging.kafka.message_key"],
  ["message_id", NAMES_1_44.messageId, "messaging.message_id"],
];

const BY_NAME: ReadonlyMap<string, Shareable> = new Map(
  [
    ...REPEATED.map((name) => ({ name, column: null, columnBit: 0 })),
    ...GIVEN.flatMap(([column, ...names], i) => names.map((name) => ({ name, column, columnBit: 1 << i }))),
  ].map((it, index) => [it.name, { ...it, index }] as const),
);

/** What may be done with an attribute of this name; `null` for most: it stays in the row. */
export function shareableNamed(name: string): Shareable | null {
  return BY_NAME.get(name) ?? null;
}
