import { parseCoordinates, type Coordinates } from "kafka-trail/trace-context";
import type { SpanRow } from "../span/span-row.ts";
import { Operation, RangeRole } from "../span/vocabulary.ts";
import { MESSAGE_ID_LENGTH_MAX, MESSAGE_KEY_LENGTH_MAX, NAME_LENGTH_MAX } from "./bounds.ts";
import { Fact, type Facts } from "./facts.ts";
import { operationOf, rangeRoleOf } from "./operation.ts";
import { rangeRows, rangesOf, type RoleRange } from "./ranges.ts";
import { cutText, Mark } from "./sanitise.ts";

const STATUS_ERROR = 2;
const CONSUMER = 5;
/** Kafka's legal topic names: what is none (a list of topics, a URL) names no topic. */
const TOPIC = /^[a-zA-Z0-9._-]{1,249}$/;
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
  row.topic = topicOf(facts, row.kind);
  row.consumerGroup = textOf(facts, Fact.group, NAME_LENGTH_MAX);
  row.messageKey = textOf(facts, Fact.key, MESSAGE_KEY_LENGTH_MAX);
  row.attempt = facts.int32(Fact.attempt);
  row.voidBefore = facts.int32(Fact.voidBefore);
  row.partition = facts.int32(Fact.partition);
  row.messageOffset = facts.int64(Fact.offset);
  readMessageId(row, textOf(facts, Fact.messageId, MESSAGE_ID_LENGTH_MAX));
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
  const partition = facts.int32(Fact.partition);
  const messageOffset = facts.int64(Fact.offset);
  if (partition === null || messageOffset === null) return null;
  return { topic: topicOf(facts, CONSUMER), partition, messageOffset };
}

function isAboutKafka(facts: Facts): boolean {
  const system = facts.text(Fact.system);
  if (system !== null) return system.toLowerCase() === "kafka";
  // Nobody else has offsets: a span written by hand that forgot the system's name.
  return facts.get(Fact.offset) !== null || facts.get(Fact.offsets) !== null;
}

function topicOf(facts: Facts, kind: number): string | null {
  const destination = facts.text(Fact.destination);
  const source = facts.text(Fact.source);
  const topic = kind === CONSUMER ? (source ?? destination) : (destination ?? source);
  return topic !== null && TOPIC.test(topic) ? topic : null;
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
function readMessageId(row: SpanRow, id: string | null): void {
  if (id === null) return;
  const at = row.topic !== null && id.startsWith(row.topic) ? spelledPlace(id) : undefined;
  const isPlace = at?.topic === row.topic && (row.partition ?? at?.partition) === at?.partition;
  if (at === undefined || !isPlace) {
    row.messageId = id;
    return;
  }
  row.partition = at.partition;
  row.messageOffset ??= at.messageOffset;
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
