/**
 * Every attribute name that both ends of the wire agree on, spelled once.
 *
 * OpenTelemetry's messaging conventions are in status Development and rename often, so the names stand in one table
 * per version: 1.44 is the default, `OTEL_SEMCONV_STABILITY_OPT_IN=messaging` asks for 1.45, `messaging/dup` for both.
 */
export interface MessagingNames {
  readonly system: string;
  readonly operationName: string;
  readonly operationType: string;
  readonly destinationName: string;
  readonly partitionId: string;
  readonly consumerGroup: string;
  readonly clientId: string;
  readonly batchMessageCount: string;
  readonly messageId: string;
  readonly conversationId: string;
  readonly bodySize: string;
  readonly offset: string;
  readonly key: string;
  readonly tombstone: string;
  readonly clusterId: string;
}

/** Names of semantic conventions 1.30 to 1.44. */
export const NAMES_1_44: MessagingNames = {
  system: "messaging.system",
  operationName: "messaging.operation.name",
  operationType: "messaging.operation.type",
  destinationName: "messaging.destination.name",
  partitionId: "messaging.destination.partition.id",
  consumerGroup: "messaging.consumer.group.name",
  clientId: "messaging.client.id",
  batchMessageCount: "messaging.batch.message_count",
  messageId: "messaging.message.id",
  conversationId: "messaging.message.conversation_id",
  bodySize: "messaging.message.body.size",
  offset: "messaging.kafka.offset",
  key: "messaging.kafka.message.key",
  tombstone: "messaging.kafka.message.tombstone",
  clusterId: "messaging.kafka.cluster.id",
};

/** Names of semantic conventions 1.45: five Kafka attributes renamed. */
export const NAMES_1_45: MessagingNames = {
  ...NAMES_1_44,
  system: "messaging.system.name",
  offset: "kafka.offset",
  key: "kafka.message.key",
  tombstone: "kafka.message.tombstone",
  clusterId: "kafka.cluster.id",
};

/** The conventions' attribute of a failure's class, in every version. */
export const ERROR_TYPE = "error.type";

/**
 * kafka-trail's own attributes. With the headers in carrier.ts they are a versioned contract: additions only.
 *
 * The range attributes are string arrays of `topic/partition/first-last`, both ends included.
 */
export const TRAIL = {
  /** Ranges that the span's operation covered: sent, processed, committed, aborted, or held by a session. */
  offsets: "kafka_trail.offsets",
  /** Ranges whose processing failed, on a batch's span. */
  offsetsFailed: "kafka_trail.offsets.failed",
  /** Ranges of a batch that the handler did not reach. */
  offsetsNotReached: "kafka_trail.offsets.not_reached",
  /** Ranges between a batch's messages that hold no visible message. */
  offsetsVoid: "kafka_trail.offsets.void",
  /** Ranges that a session jumped over by seek or reset. */
  offsetsSkipped: "kafka_trail.offsets.skipped",
  /** Number: which delivery of this message to this group this is, from 1. */
  attempt: "kafka_trail.attempt",
  /** Number: milliseconds from the message's timestamp to the start of its processing. */
  queueTimeMs: "kafka_trail.queue_time_ms",
  /** Number: messages behind the partition's high watermark at the time of the fetch. */
  lagMessages: "kafka_trail.lag",
  /** True: this group has already processed this offset in this process. */
  duplicate: "kafka_trail.duplicate",
  /** Number, or true on one message's span: messages of a resolved send that no broker acknowledged. */
  unacknowledged: "kafka_trail.unacknowledged",
  /** Number: messages of a send that were sent again, as no broker had acknowledged them; on one message's span, how often. */
  resent: "kafka_trail.resent",
  /** True: the send was retried with new partitions, so parts of it may be lost or doubled. */
  suspect: "kafka_trail.suspect",
  /** True: the coordinates given by the client cannot be trusted. */
  uncertain: "kafka_trail.uncertain",
  /** `topic/partition/offset` of the message that this one is a forwarded copy of. */
  origin: "kafka_trail.origin",
  /** Consumer group that forwarded the copy. */
  originGroup: "kafka_trail.origin.group",
  /** True: the work goes on; the span ended only to be seen. */
  inProgress: "kafka_trail.in_progress",
  /** Number: offsets directly before this one that hold no visible message. */
  voidBefore: "kafka_trail.void_before",
  /** Number: how often the client asked for a partition again, i.e. retried the send. */
  retries: "kafka_trail.retries",
  /** Transactional id of the producer, on commit and abort spans. */
  transactionalId: "kafka_trail.transactional_id",
  /** Whether a crashed consumer comes back by itself, on the metric that counts crashes. */
  restart: "kafka_trail.restart",
  /** Number: spans that the app's span queue had to drop, on the span that reports it. */
  droppedSpans: "kafka_trail.dropped_spans",
} as const;

/** Values of `messaging.operation.name`; kafka-trail's own words stand beside the conventions'. */
export const OPERATION_NAME = {
  create: "create",
  send: "send",
  receive: "receive",
  process: "process",
  commit: "commit",
  sendOffsets: "send_offsets",
  commitTransaction: "commit_transaction",
  abortTransaction: "abort_transaction",
  session: "session",
} as const;

/** Values of `messaging.operation.type`, from the conventions. */
export const OPERATION_TYPE = {
  create: "create",
  send: "send",
  receive: "receive",
  process: "process",
  settle: "settle",
} as const;

/**
 * Returns the name tables to write, by the value of `OTEL_SEMCONV_STABILITY_OPT_IN`: a comma-separated list in which
 * `messaging` asks for the new names and `messaging/dup` for both. Anything else means the old ones.
 */
export function messagingNames(optIn: string | undefined): readonly MessagingNames[] {
  const asked = new Set((optIn ?? "").split(",").map((word) => word.trim()));
  if (asked.has("messaging/dup")) return [NAMES_1_44, NAMES_1_45];
  return [asked.has("messaging") ? NAMES_1_45 : NAMES_1_44];
}
