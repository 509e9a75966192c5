/** Where a message lies: `topic/partition/offset`, the one spelling used in headers, attributes, URLs and the store. */
export interface Coordinates {
  readonly topic: string;
  readonly partition: number;
  readonly messageOffset: bigint;
}

/** A contiguous range of offsets in one partition, both ends included. */
export interface OffsetRange {
  readonly topic: string;
  readonly partition: number;
  readonly firstOffset: bigint;
  readonly lastOffset: bigint;
}

// Kafka's legal topic characters (org.apache.kafka.common.internals.Topic): a slash is none of them.
const COORDINATES = /^([a-zA-Z0-9._-]{1,249})\/(\d{1,10})\/(\d{1,19})$/;
const OFFSET_RANGE = /^([a-zA-Z0-9._-]{1,249})\/(\d{1,10})\/(\d{1,19})-(\d{1,19})$/;
const PARTITION_MAX = 2_147_483_647;
const OFFSET_MAX = 9_223_372_036_854_775_807n;

/** Spells coordinates as `topic/partition/offset`. */
export function formatCoordinates(at: Coordinates): string {
  return `${at.topic}/${at.partition}/${at.messageOffset}`;
}

/** Reads `topic/partition/offset`; `undefined` for anything else, numbers beyond Kafka's own types included. */
export function parseCoordinates(spelled: string): Coordinates | undefined {
  const found = COORDINATES.exec(spelled);
  if (!found) return undefined;
  const [, topic = "", partition = "", offset = ""] = found;
  const at = { topic, partition: Number(partition), messageOffset: BigInt(offset) };
  return at.partition <= PARTITION_MAX && at.messageOffset <= OFFSET_MAX ? at : undefined;
}

/** Spells a range as `topic/partition/first-last`. */
export function formatOffsetRange(range: OffsetRange): string {
  return `${range.topic}/${range.partition}/${range.firstOffset}-${range.lastOffset}`;
}

/** Reads `topic/partition/first-last`; `undefined` for anything else, a range that runs backwards included. */
export function parseOffsetRange(spelled: string): OffsetRange | undefined {
  const found = OFFSET_RANGE.exec(spelled);
  if (!found) return undefined;
  const [, topic = "", partition = "", first = "", last = ""] = found;
  const range = {
    topic,
    partition: Number(partition),
    firstOffset: BigInt(first),
    lastOffset: BigInt(last),
  };
  const isLegal =
    range.partition <= PARTITION_MAX &&
    range.lastOffset <= OFFSET_MAX &&
    range.firstOffset <= range.lastOffset;
  return isLegal ? range : undefined;
}
