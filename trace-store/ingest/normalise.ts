import { parseCoordinates, type Coordinates } from "kafka-trail/trace-context";
import type { SpanRow } from "../span/span-row.ts";
import { Operation, RangeRole } from "../span/vocabulary.ts";
import { MESSAGE_ID_LENGTH_MAX, MESSAGE_KEY_LENGTH_MAX, NAME_LENGTH_MAX } from "./bounds.ts";
import { Fact, type Facts } from "./facts.ts";
import { operationOf, rangeRoleOf } from "./operation.ts";
import { rangeRows, rangesOf, type RoleRange } from "./ranges.ts";
import { cutText, Mark } from "./sanitise.ts";

const STATUS_UNSET = 0;
const STATUS_ERROR = 2;
const PRODUCER = 4;
const CONSUMER = 5;
const KAFKA_ONLY = [Fact.offset, Fact.offsets, Fact.kafkaPartition, Fact.kafkaTopic, Fact.spring] as const;
/** What names a topic, or that there are several. */
const PLACES = [Fact.destination, Fact.source, Fact.kafkaTopic, Fact.offsets] as const;
/** Kafka's legal topic names: what is none (a list of topics, a URL) names no topic. */
const TOPIC = /^[a-zA-Z0-9._-]{1,249}$/;
/** Wolverine's way to name one. */
const TOPIC_ADDRESS = /^kafka:\/\/topic\/([^/]+)\/?$/i;
const OFFSET = /^\d{1,18}$/;
/** `topic.partition.offset`, as Python's instrumentations spell a message id. */
const DOTTED_COORDINATES = /^(.{1,249})\.(\d{1,10})\.(\d{1,19})$/;

/** A message that one of the span's links names. What all links have in common may stand on the span alone. */
export interface LinkPlace {
  readonly topic: string | null;
  readonly partition: number | null;
  readonly messageOffset: bigint;
}

/** What a span's events say of exceptions. */
export const Thrown = { nothing: 0, recorded: 1, escaped: 2 } as const;
export type Thrown = (typeof Thrown)[keyof typeof Thrown];

/** What else a span says, beside its attributes. */
export interface SpanContext {
  /** Messages that its links name. */
  readonly places: readonly LinkPlace[];
  readonly thrown: Thrown;
}

/**
 * Fills a row's messaging fields from what its attributes say, in whatever convention they say it.
 *
 * A span that is not about Kafka messages keeps operation `none`: it is context of its trace. Returns marks.
 */
export function normalise(
  row: SpanRow,
  facts: Facts,
  { places, thrown }: SpanContext,
  scopeName: string,
): number {
  if (facts.get(Fact.errorType) !== null) row.status = STATUS_ERROR;
  const isVertx = isByVertx(facts);
  if (!isVertx && !isAboutKafka(facts)) return 0;
  // Vert.x records what a handler threw, and never sets a status.
  if (row.status === STATUS_UNSET && thrown >= (isVertx ? Thrown.recorded : Thrown.escaped))
    row.status = STATUS_ERROR;
  row.operation = operationOf(facts, row.name, row.kind);
  row.cluster = cutText(facts.text(Fact.cluster) ?? "", NAME_LENGTH_MAX);
  row.topic = topicOf(facts, row.kind) ?? topicInName(facts, row);
  row.consumerGroup = groupOf(facts);
  row.messageKey = textOf(facts, Fact.key, MESSAGE_KEY_LENGTH_MAX);
  row.attempt = facts.int32(Fact.attempt);
  row.voidBefore = facts.int32(Fact.voidBefore);
  row.partition = isToldTooEarly(row, facts) ? null : partitionOf(facts);
  row.messageOffset = facts.int64(Fact.offset) ?? facts.int64(Fact.bareOffset);
  readMessageId(row, facts, textOf(facts, Fact.messageId, MESSAGE_ID_LENGTH_MAX));
  // What its own client called uncertain must not be taken for the truth by a join on coordinates.
  if (facts.get(Fact.uncertain) === true || row.partition === null) row.messageOffset = null;
  const isHanded = isOneOfBatch(row, scopeName);
  return facts.hasRanges || isHanded || places.length > 0 ? readRanges(row, facts, places, isHanded) : 0;
}

function readRanges(row: SpanRow, facts: Facts, linkPlaces: readonly LinkPlace[], isHanded: boolean): number {
  const role = rangeRoleOf(row.operation, facts.text(Fact.operationName));
  // A commit that failed names what it would have committed.
  const isFailedCommit = row.operation === Operation.settle && row.status === STATUS_ERROR;
  const ranges = isFailedCommit ? [] : rangesOf(facts, role);
  for (const place of linkPlaces) addLinkPlace(ranges, row, place, role);
  const { topic, partition, messageOffset } = row;
  if (isHanded && topic !== null && partition !== null && messageOffset !== null) {
    const place = { topic, partition, firstOffset: messageOffset, lastOffset: messageOffset };
    ranges.push({ ...place, role: RangeRole.handed });
  }
  const { rows, isComplete } = rangeRows(ranges);
  row.ranges = rows;
  return isComplete ? 0 : Mark.rangesDropped;
}

/** Reads the message that a link's attributes name (Java agent, batches); `null` where they name none. */
export function linkPlaceOf(facts: Facts): LinkPlace | null {
  const messageOffset = facts.int64(Fact.offset);
  if (messageOffset === null) return null;
  return { topic: topicOf(facts, CONSUMER), partition: partitionOf(facts), messageOffset };
}

/** Returns what a span has thrown, after one more of its events. */
export function thrownBy(eventName: string, facts: Facts, before: Thrown): Thrown {
  if (eventName !== "exception") return before;
  const escaped = facts.get(Fact.escaped);
  // Python's SDK spells it.
  if (escaped === true || String(escaped).toLowerCase() === "true") return Thrown.escaped;
  return before === Thrown.nothing ? Thrown.recorded : before;
}

function isAboutKafka(facts: Facts): boolean {
  const system = facts.text(Fact.system);
  if (system !== null) return system.toLowerCase() === "kafka";
  // Nobody else has these: a span written by hand that forgot the system's name, kafka-go's wrappers, Brave by Zipkin.
  return KAFKA_ONLY.some((fact) => facts.get(fact) !== null);
}

/** Vert.x names no system, but Kafka as its peer. So did OpenTracing. */
function isByVertx(facts: Facts): boolean {
  return (
    facts.get(Fact.peerService) === "kafka" &&
    facts.get(Fact.system) === null &&
    facts.get(Fact.destination) !== null
  );
}

/**
 * OpenTelemetry's kafkajs begins a span for each message of an `eachBatch` before the handler runs, links it to the sender, and
 * ends all of them as the batch ends: they say nothing of the message's own fate. Those of `eachMessage` have no link.
 */
function isOneOfBatch(row: SpanRow, scopeName: string): boolean {
  return (
    row.links.length > 0 &&
    row.operation === Operation.process &&
    scopeName.endsWith("instrumentation-kafkajs")
  );
}

/** Spring writes `none` where there is none. */
function groupOf(facts: Facts): string | null {
  const group = textOf(facts, Fact.group, NAME_LENGTH_MAX);
  return group === "none" && facts.get(Fact.spring) !== null ? null : group;
}

function partitionOf(facts: Facts): number | null {
  return facts.int32(Fact.partition) ?? facts.int32(Fact.kafkaPartition) ?? facts.int32(Fact.barePartition);
}

function topicOf(facts: Facts, kind: number): string | null {
  const destination = facts.text(Fact.destination);
  const source = facts.text(Fact.source);
  const told =
    (kind === CONSUMER ? (source ?? destination) : (destination ?? source)) ?? facts.text(Fact.kafkaTopic);
  if (told === null) return null;
  const topic = TOPIC_ADDRESS.exec(told)?.[1] ?? told;
  return TOPIC.test(topic) ? topic : null;
}

/**
 * PHP's ext-rdkafka names its topic in the span's name alone: `orders publish`, as the conventions spelled names then; Spring
 * did until 3.2: `orders send`, `orders receive`.
 */
function topicInName(facts: Facts, { name, kind }: SpanRow): string | null {
  if (kind !== PRODUCER && kind !== CONSUMER) return null;
  if (PLACES.some((fact) => facts.get(fact) !== null)) return null;
  const isSpring = facts.get(Fact.spring) !== null;
  const ownWord = facts.text(Fact.operationType) ?? facts.text(Fact.operation);
  const word = isSpring ? (kind === PRODUCER ? "send" : "receive") : ownWord;
  if (!isSpring && word !== "publish" && word !== "process") return null;
  if (word === null || !name.endsWith(` ${word}`)) return null;
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
  const partition = place.partition ?? row.partition;
  const { messageOffset } = place;
  if (topic === null || partition === null) return;
  const isOwn = messageOffset === row.messageOffset && partition === row.partition && topic === row.topic;
  if (isOwn) return;
  // One span for many messages says only that something failed: each of them may be what did.
  const as = role === RangeRole.processed && row.status === STATUS_ERROR ? RangeRole.failed : role;
  ranges.push({ topic, partition, firstOffset: messageOffset, lastOffset: messageOffset, role: as });
}
