import { parseCoordinates, readHeader, TRAIL_HEADER, type Headers } from "../trace-context/index.ts";

/** Where a forwarded message came from. */
export interface Origin {
  /** `topic/partition/offset`. */
  readonly coordinates: string;
  /** The consumer group that forwarded it, where the headers name one. */
  readonly consumerGroup: string | undefined;
}

interface Spelling {
  readonly topic: string;
  readonly partition: string;
  readonly offset: string;
  readonly consumerGroup?: string;
  /** Java's ByteBuffer (big-endian int and long), or decimal digits. */
  readonly isBinary: boolean;
}

// Literal names, from the sources of spring-kafka (KafkaHeaders), Apache Kafka Connect (DeadLetterQueueReporter) and
// Kafka Streams (ExceptionHandlerUtils, KIP-1034).
const SPELLINGS: readonly Spelling[] = [
  {
    // DeadLetterPublishingRecoverer.
    topic: "kafka_dlt-original-topic",
    partition: "kafka_dlt-original-partition",
    offset: "kafka_dlt-original-offset",
    consumerGroup: "kafka_dlt-original-consumer-group",
    isBinary: true,
  },
  {
    // @RetryableTopic: retry topics and their dead letters name the message of the main topic. The group's name is Spring's.
    topic: "kafka_original-topic",
    partition: "kafka_original-partition",
    offset: "kafka_original-offset",
    consumerGroup: "kafka_dlt-original-consumer-group",
    isBinary: true,
  },
  {
    topic: "__connect.errors.topic",
    partition: "__connect.errors.partition",
    offset: "__connect.errors.offset",
    isBinary: false,
  },
  {
    topic: "__streams.errors.topic",
    partition: "__streams.errors.partition",
    offset: "__streams.errors.offset",
    isBinary: false,
  },
];

const INT_BYTES = 4;
const LONG_BYTES = 8;

/** Reads a Java int or long; the last value where a retry has appended another. */
function readBinary(headers: Headers, key: string): string | undefined {
  const value = headers[key];
  const last = Array.isArray(value) ? value.at(-1) : value;
  if (!Buffer.isBuffer(last)) return undefined;
  if (last.length === INT_BYTES) return String(last.readInt32BE());
  return last.length === LONG_BYTES ? String(last.readBigInt64BE()) : undefined;
}

function readSpelling(headers: Headers, spelling: Spelling): Origin | undefined {
  const topic = readHeader(headers, spelling.topic);
  if (topic === undefined) return undefined;
  const read = spelling.isBinary ? readBinary : readHeader;
  const coordinates = `${topic}/${read(headers, spelling.partition)}/${read(headers, spelling.offset)}`;
  // Connect writes partition -1 where it does not know better: that names no message.
  if (parseCoordinates(coordinates) === undefined) return undefined;
  const consumerGroup = spelling.consumerGroup && readHeader(headers, spelling.consumerGroup);
  return { coordinates, consumerGroup };
}

/** Says no for nearly every message, and is asked for every one: literal names, where a loop over them cost 0.5 us. */
function mayNameOrigin(headers: Headers): boolean {
  return (
    headers["kafka-trail-origin"] !== undefined ||
    headers["kafka_dlt-original-topic"] !== undefined ||
    headers["kafka_original-topic"] !== undefined ||
    headers["__connect.errors.topic"] !== undefined ||
    headers["__streams.errors.topic"] !== undefined
  );
}

/**
 * Returns which message this one is a forwarded copy of: by the headers of {@link forwardHeaders}, or by those that Spring
 * Kafka, Kafka Connect and Kafka Streams put on dead letters. `undefined` where no header names one whole.
 */
export function readOrigin(headers: Headers | undefined): Origin | undefined {
  if (headers === undefined || headers === null || !mayNameOrigin(headers)) return undefined;
  const coordinates = readHeader(headers, TRAIL_HEADER.origin);
  if (coordinates !== undefined && parseCoordinates(coordinates) !== undefined) {
    return { coordinates, consumerGroup: readHeader(headers, TRAIL_HEADER.originGroup) };
  }
  for (const spelling of SPELLINGS) {
    const origin = readSpelling(headers, spelling);
    if (origin !== undefined) return origin;
  }
  return undefined;
}
