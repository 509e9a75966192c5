import { parseCoordinates, type Coordinates } from "kafka-trail/trace-context";
import type { SpanRow } from "../span/span-row.ts";
import { Operation, RangeRole } from "../span/vocabulary.ts";
import { MESSAGE_ID_LENGTH_MAX, MESSAGE_KEY_LENGTH_MAX, NAME_LENGTH_MAX } from "./bounds.ts";
import { Fact, type Facts } from "./facts.ts";
import { operationOf, rangeRoleOf } from "./operation.ts";
import { rangeRows, rangesOf, type RoleRange } from "./ranges.ts";
import { cutText, Mark } from "./sanitise.ts";

const STATUS_ERROR = 2;
const PRODUCER = 4;
const CONSUMER = 5;
const KAFKA_ONLY = [Fact.offset, Fact.offsets, Fact.kafkaPartition, Fact.kafkaTopic] as const;
/** What names a topic, or that there are several. */
const PLACES = [Fact.destination, Fact.source, Fact.kafkaTopic, Fact.offsets] as const;
/** Kafka's legal topic names: what is none (a list of topics, a URL) names no topic. */
const TOPIC = /^[a-zA-Z0-9._-]{1,249}$/;
const OFFSET = /^\d{1,18}$/;
/** `topic.partition.offset`, as Python's instrumentations spell a message id. */
const DOTTED_COORDINATES = /^(.{1,249})\.(\d{1,10})\.(\d{1,19})$/;

/** A message that one of the span's links names. */
export interface LinkPlace {
  readonly topic: string | null;
  readonly partition: number;
  readonly messageOffset: bigint;
}

/**
 * Fills a row's messaging fields from what its attributes say, in whatever convention they say it.
 *
 * A span that is not about Kafka messages keeps operation `none`: it is context of its trace. Returns marks.
 */
export function normalise(row: SpanRow, facts: Facts, linkPlaces: readonly LinkPlace[]): number {
  if (facts.get(Fact.errorType) !== null) row.status = STATUS_ERROR;
  if (!isAboutKafka(facts)) return 0;
  row.operation = operationOf(facts, row.name, row.kind);
  row.cluster = cutText(facts.text(Fact.cluster) ?? "", NAME_LENGTH_MAX);
  row.topic = topicOf(facts, row.kind) ?? topicInName(facts, row);
  row.consumerGroup = textOf(facts, Fact.group, NAME_LENGTH_MAX);
  row.messageKey = textOf(facts, Fact.key, MESSAGE_KEY_LENGTH_MAX);
  row.attempt = facts.int32(Fact.attempt);
  row.voidBefore = facts.int32(Fact.voidBefore);
  row.partition = isToldTooEarly(row, facts) ? null : partitionOf(facts);
  row.messageOffset = facts.int64(Fact.offset);
  readMessageId(row, facts, textOf(facts, Fact.messageId, MESSAGE_ID_LENGTH_MAX));
  // What its own client called uncertain must not be taken for the truth by a join on coordinates.
  if (facts.get(Fact.uncertain) === true || row.partition === null) row.messageOffset = null;
  return facts.hasRanges || linkPlaces.length > 0 ? readRanges(row, facts, linkPlaces) : 0;
}

function readRanges(row: SpanRow, facts: Facts, linkPlaces: readonly LinkPlace[]): number {
  const role = rangeRoleOf(row.operation, facts.text(Fact.operationName));
  // A commit that failed names what it would have committed.
  const isFailedCommit = row.operation === Operation.settle && row.status === STATUS_ERROR;
  const ranges = isFailedCommit ? [] : rangesOf(facts, role);
  for (const place of linkPlaces) addLinkPlace(ranges, row, place, role);
  const { rows, isComplete } = rangeRows(ranges);
  row.ranges = rows;
  return isComplete ? 0 : Mark.rangesDropped;
}

/** Reads the message that a link's attributes name (Java agent, batches); `null` where they name none. */
export function linkPlaceOf(facts: Facts): LinkPlace | null {
  const partition = partitionOf(facts);
  const messageOffset = facts.int64(Fact.offset);
  if (partition === null || messageOffset === null) return null;
  return { topic: topicOf(facts, CONSUMER), partition, messageOffset };
}

function isAboutKafka(facts: Facts): boolean {
  const system = facts.text(Fact.system);
  if (system !== null) return system.toLowerCase() === "kafka";
  // Nobody else has these: a span written by hand that forgot the system's name, kafka-go's wrappers, Brave by Zipkin.
  return KAFKA_ONLY.some((fact) => facts.get(fact) !== null);
}

function partitionOf(facts: Facts): number | null {
  return facts.int32(Fact.partition) ?? facts.int32(Fact.kafkaPartition);
}

function topicOf(facts: Facts, kind: number): string | null {
  const destination = facts.text(Fact.destination);
  const source = facts.text(Fact.source);
  const topic =
    (kind === CONSUMER ? (source ?? destination) : (destination ?? source)) ?? facts.text(Fact.kafkaTopic);
  return topic !== null && TOPIC.test(topic) ? topic : null;
}

/** PHP's ext-rdkafka names its topic in the span's name alone: `orders publish`, as the conventions spelled names then. */
function topicInName(facts: Facts, { name, kind }: SpanRow): string | null {
  if (kind !== PRODUCER && kind !== CONSUMER) return null;
  if (PLACES.some((fact) => facts.get(fact) !== null)) return null;
  const word = facts.text(Fact.operationType) ?? facts.text(Fact.operation);
  if ((word !== "publish" && word !== "process") || !name.endsWith(` ${word}`)) return null;
  const topic = name.slice(0, -word.length - 1);
  return TOPIC.test(topic) ? topic : null;
}

function textOf(facts: Facts, fact: Fact, lengthMax: number): string | null {
  const text = facts.text(fact);
  return text === null || text === "" ? null : cutText(text, lengthMax);
}

function spelledPlace(id: string): Coordinates | undefined {
  const dotted = DOTTED_COORDINATES.exec(id);
  return parseCoordinates(dotted ? `${dotted[1]}/${dotted[2]}/${dotted[3]}` : id);
}

/** An id that only spells the message's place is that place, and no id of its own. */
function readMessageId(row: SpanRow, facts: Facts, id: string | null): void {
  if (id === null) return;
  if (isOffset(row, facts, id)) {
    // A send that failed has none, whatever stands there.
    if (row.operation !== Operation.send || row.status !== STATUS_ERROR) row.messageOffset ??= BigInt(id);
    return;
  }
  const at = row.topic !== null && id.startsWith(row.topic) ? spelledPlace(id) : undefined;
  const isPlace = at?.topic === row.topic && (row.partition ?? at?.partition) === at?.partition;
  if (at === undefined || !isPlace) {
    row.messageId = id;
    return;
  }
  row.partition = at.partition;
  row.messageOffset ??= at.messageOffset;
}

/**
 * Go's instrumentations (otelsarama, those of kafka-go and confluent-kafka-go) give the bare offset as the message's id:
 * the conventions that they follow had no other name for it. The newest of them give both.
 */
function isOffset(row: SpanRow, facts: Facts, id: string): boolean {
  if (!OFFSET.test(id) || partitionOf(facts) === null) return false;
  const name = facts.text(Fact.operationName);
  if (name !== null && name !== "consume" && name !== "produce") return false;
  return row.messageOffset === null || String(row.messageOffset) === id;
}

/** A wrapper of kafka-go writes a send's place down before there is one: partition 0 and offset 0, always. */
function isToldTooEarly(row: SpanRow, facts: Facts): boolean {
  return (
    row.operation === Operation.send && facts.get(Fact.system) === null && facts.get(Fact.offset) === null
  );
}

function addLinkPlace(ranges: RoleRange[], row: SpanRow, place: LinkPlace, role: RangeRole): void {
  const topic = place.topic ?? row.topic;
  const { partition, messageOffset } = place;
  if (topic === null) return;
  const isOwn = messageOffset === row.messageOffset && partition === row.partition && topic === row.topic;
  if (isOwn) return;
  // One span for many messages says only that something failed: each of them may be what did.
  const as = role === RangeRole.processed && row.status === STATUS_ERROR ? RangeRole.failed : role;
  ranges.push({ topic, partition, firstOffset: messageOffset, lastOffset: messageOffset, role: as });
}
