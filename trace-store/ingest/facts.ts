import { ERROR_TYPE, NAMES_1_44, NAMES_1_45, TRAIL } from "kafka-trail/trace-context";

/**
 * What an attribute can say about a message. Several attribute names may say the same: one for each version of the
 * conventions, and one for each instrumentation that followed none.
 */
export const Fact = {
  none: 0,
  system: 1,
  operationName: 2,
  operationType: 3,
  /** Conventions before 1.25: name and type in one. */
  operation: 4,
  destination: 5,
  /** Conventions before 1.21: where a consumer's messages come from. */
  source: 6,
  partition: 7,
  offset: 8,
  group: 9,
  key: 10,
  messageId: 11,
  cluster: 12,
  errorType: 13,
  serviceName: 14,
  attempt: 15,
  voidBefore: 16,
  inProgress: 17,
  uncertain: 18,
  /** A partition under a name that only Kafka's have: tells the system too, where nothing else does (kafka-go's wrappers). */
  kafkaPartition: 19,
  /** Brave's name, which spans bear that have come by Zipkin: tells the system too. */
  kafkaTopic: 20,
  /** Spring's own: until 3.2 its spans bear nothing else, and the topic stands in their names. */
  spring: 21,
  peerService: 22,
  /** Of an event: the exception left the span. */
  escaped: 23,
  // Names that say too little to count before any other (Datadog's, OpenTracing's).
  bareOffset: 24,
  barePartition: 25,
  // From here on: what names ranges.
  origin: 26,
  offsets: 27,
  offsetsFailed: 28,
  offsetsNotReached: 29,
  offsetsSkipped: 30,
  offsetsVoid: 31,
} as const;
export type Fact = (typeof Fact)[keyof typeof Fact];

const FACT_COUNT = 32;
const FIRST_RANGE = Fact.origin;

/** Attribute name to what it says. Where two names of one fact occur on a span, the later one counts. */
const NAMES: readonly (readonly [fact: Fact, ...names: string[]])[] = [
  [Fact.system, NAMES_1_44.system, NAMES_1_45.system],
  [Fact.operationName, NAMES_1_44.operationName],
  [Fact.operationType, NAMES_1_44.operationType],
  [Fact.operation, "messaging.operation"],
  [Fact.destination, NAMES_1_44.destinationName, "messaging.destination", "message_bus.destination"],
  [Fact.source, "messaging.source.name"],
  [Fact.partition, NAMES_1_44.partitionId],
  [
    Fact.kafkaPartition,
    "messaging.kafka.destination.partition",
    "messaging.kafka.source.partition",
    "messaging.kafka.partition",
    "kafka.partition",
  ],
  [
    Fact.offset,
    NAMES_1_44.offset,
    NAMES_1_45.offset,
    "messaging.kafka.message.offset",
    "kafka.message.offset",
  ],
  [Fact.bareOffset, "offset"],
  [Fact.barePartition, "partition"],
  [Fact.group, NAMES_1_44.consumerGroup, "messaging.kafka.consumer.group", "messaging.kafka.consumer_group"],
  [Fact.kafkaTopic, "kafka.topic"],
  [Fact.key, NAMES_1_44.key, NAMES_1_45.key, "messaging.kafka.message_key", "kafka.key"],
  [Fact.messageId, NAMES_1_44.messageId, "messaging.message_id"],
  [
    Fact.cluster,
    NAMES_1_44.clusterId,
    NAMES_1_45.clusterId,
    "messaging.kafka.cluster_id",
    "kafka.cluster_id",
  ],
  [Fact.spring, "spring.kafka.listener.id", "spring.kafka.template.name"],
  [Fact.peerService, "peer.service"],
  [Fact.escaped, "exception.escaped"],
  [Fact.errorType, ERROR_TYPE],
  [Fact.serviceName, "service.name"],
  [Fact.attempt, TRAIL.attempt],
  [Fact.voidBefore, TRAIL.voidBefore],
  [Fact.inProgress, TRAIL.inProgress],
  [Fact.uncertain, TRAIL.uncertain],
  [Fact.origin, TRAIL.origin],
  [Fact.offsets, TRAIL.offsets],
  [Fact.offsetsFailed, TRAIL.offsetsFailed],
  [Fact.offsetsNotReached, TRAIL.offsetsNotReached],
  [Fact.offsetsSkipped, TRAIL.offsetsSkipped],
  [Fact.offsetsVoid, TRAIL.offsetsVoid],
];

const FACT_BY_NAME: ReadonlyMap<string, Fact> = new Map(
  NAMES.flatMap(([fact, ...names]) => names.map((name) => [name, fact] as const)),
);

/** Returns what an attribute of this name says, {@link Fact.none} for most. */
export function factNamed(name: string): Fact {
  return FACT_BY_NAME.get(name) ?? Fact.none;
}

/** A fact's value as it stood in the attribute; arrays only as far as they are of strings. */
export type FactValue = string | number | bigint | boolean | readonly string[] | null;

/** What the attributes of one span (or link, or resource) said. Serves one after the other: {@link clear} starts again. */
export class Facts {
  /** False while no attribute said anything: the span is not about messages. */
  isAny = false;
  /** False while no attribute named ranges or an origin. */
  hasRanges = false;
  readonly #values: FactValue[] = Array.from({ length: FACT_COUNT }, () => null);

  clear(): void {
    if (!this.isAny) return;
    this.isAny = this.hasRanges = false;
    this.#values.fill(null);
  }

  set(fact: Fact, value: FactValue): void {
    this.isAny = true;
    if (fact >= FIRST_RANGE) this.hasRanges = true;
    this.#values[fact] = value;
  }

  get(fact: Fact): FactValue {
    return this.#values[fact] as FactValue;
  }

  /** Returns a text; a number where a text was meant is spelled. */
  text(fact: Fact): string | null {
    const value = this.#values[fact] as FactValue;
    if (typeof value === "string") return value;
    return typeof value === "number" || typeof value === "bigint" ? String(value) : null;
  }

  /** Returns a whole number from 0 to 2^63-1, also when it came as a string; `null` for anything else. */
  int64(fact: Fact): bigint | null {
    const value = this.#values[fact] as FactValue;
    if (typeof value === "number") return Number.isSafeInteger(value) && value >= 0 ? BigInt(value) : null;
    if (typeof value !== "bigint" && !(typeof value === "string" && DIGITS.test(value))) return null;
    const exact = BigInt(value);
    return exact >= 0n && exact <= INT64_MAX ? exact : null;
  }

  /** Returns a whole number from 0 to 2^31-1, also when it came as a string; `null` for anything else. */
  int32(fact: Fact): number | null {
    const value = this.#values[fact] as FactValue;
    if (value === null) return null;
    const isSpelled = typeof value === "bigint" || (typeof value === "string" && DIGITS.test(value));
    const number = isSpelled ? Number(value) : value;
    const fits = typeof number === "number" && Number.isInteger(number) && number >= 0 && number <= INT32_MAX;
    return fits ? number : null;
  }

  /** Returns the strings of an array, none where there is no array. */
  list(fact: Fact): readonly string[] {
    const value = this.#values[fact] as FactValue;
    return Array.isArray(value) ? (value as readonly string[]) : NO_STRINGS;
  }
}

const INT32_MAX = 2_147_483_647;
const INT64_MAX = 9_223_372_036_854_775_807n;
const DIGITS = /^\d{1,19}$/;
const NO_STRINGS: readonly string[] = [];
