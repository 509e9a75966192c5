import { wholeMs } from "../span/nanoseconds.ts";
import { type SpanRow } from "../span/span-row.ts";
import { Operation, RangeRole } from "../span/vocabulary.ts";
import { type Dictionaries } from "./dictionaries.ts";
import { type Incarnations } from "./incarnations.ts";
import { ToldRanges, united } from "./told-ranges.ts";

const BLOCK_LENGTH = 65_536;
/** Beyond it a number is not exact. No Kafka log was ever so long; a span may claim to know one. */
const OFFSET_MAX = Number.MAX_SAFE_INTEGER - 1;
/** Of a partition, at most: so a block and an incarnation are one exact number. */
const BLOCKS_MAX = 2 ** 37;
const PRODUCERS = 0;
const VOID = -1;
const KIND_PRODUCER = 4;
const STATUS_ERROR = 2;

/**
 * What one write tells of one block, as the ledger names it; and, as JSON, as it is held. Numbers, as half the work of the
 * ledger was arithmetic of bigints, and no objects, as a write of 5,000 spans has some 1,500 of them.
 */
export type LedgerEntry = [
  topicId: number,
  incarnation: number,
  partition: number,
  groupId: number,
  block: number,
  /** Start of the first span and of the last, rounded outwards. */
  firstMs: number,
  lastMs: number,
  /** First and last offset of each range, both included; sorted, and as few as possible. */
  ...ends: number[],
];

/** Where an entry's ranges begin. */
export const ENDS_AT = 7;

/** What one write tells of one block of one partition. `of` is a consumer group's name, or who else it is about. */
interface Marks {
  readonly index: number;
  readonly cluster: string;
  readonly topic: string;
  readonly incarnation: number;
  readonly partition: number;
  readonly of: string | typeof PRODUCERS | typeof VOID;
  readonly block: number;
  /** How many ranges the spans told of it. */
  told: number;
  firstMs: number;
  lastMs: number;
}

/** Marks of one partition, by block and incarnation, and by whom they are about: most partitions have one block in a write. */
type PartitionMarks = Map<number, Map<Marks["of"], Marks>>;

const newMarks = (): Map<Marks["of"], Marks> => new Map();

/** Gathers which offsets the spans of one write tell of: produced, processed, void. */
export class LedgerMarks {
  readonly #incarnations: Incarnations;
  /** By cluster, topic and partition: no key is put together for each span. */
  readonly #partitions = new Map<string, Map<string, Map<number, PartitionMarks>>>();
  readonly #all: Marks[] = [];
  readonly #told = new ToldRanges();
  readonly #nowMs = Date.now();
  #atMs = 0;

  constructor(incarnations: Incarnations) {
    this.#incarnations = incarnations;
  }

  /** Adds what one span tells. */
  add(row: SpanRow): void {
    const { topic, partition, consumerGroup: group } = row;
    // A clock that runs ahead must not keep a block from being forgotten.
    this.#atMs = Math.min(wholeMs(row.startNs), this.#nowMs);
    if (topic !== null && partition !== null && row.messageOffset !== null) {
      const at = Number(row.messageOffset);
      if (isSend(row)) this.#mark(row, topic, partition, PRODUCERS, at, at);
      if (row.operation === Operation.process && row.status !== STATUS_ERROR && group !== null) {
        this.#mark(row, topic, partition, group, at, at);
      }
      const voidBefore = row.voidBefore ?? 0;
      if (voidBefore > 0) this.#mark(row, topic, partition, VOID, Math.max(0, at - voidBefore), at - 1);
    }
    for (const { role, topic: of, partition: on, firstOffset, lastOffset } of row.ranges) {
      const [first, last] = [Number(firstOffset), Number(lastOffset)];
      if (role === RangeRole.sent) this.#mark(row, of, on, PRODUCERS, first, last);
      if (role === RangeRole.processed && group !== null) this.#mark(row, of, on, group, first, last);
      if (role === RangeRole.aborted || role === RangeRole.void) this.#mark(row, of, on, VOID, first, last);
    }
  }

  #mark(row: SpanRow, topic: string, partition: number, of: Marks["of"], from: number, to: number): void {
    if (from > to || to > OFFSET_MAX) return;
    const atMs = this.#atMs;
    const { cluster } = row;
    const incarnation = this.#incarnations.at(cluster, topic, atMs);
    const blocks = this.#partition(cluster, topic, partition);
    for (let first = from; first <= to;) {
      const block = Math.floor(first / BLOCK_LENGTH);
      const last = Math.min(to, (block + 1) * BLOCK_LENGTH - 1);
      const about = made(blocks, (incarnation - 1) * BLOCKS_MAX + block, newMarks);
      let marks = about.get(of);
      if (marks === undefined) {
        const place = { cluster, topic, incarnation, partition, of, block };
        marks = { index: this.#all.length, ...place, told: 0, firstMs: atMs, lastMs: atMs };
        about.set(of, marks);
        this.#all.push(marks);
      }
      this.#told.add(marks.index, first, last);
      marks.told += 1;
      if (atMs < marks.firstMs) marks.firstMs = atMs;
      if (atMs > marks.lastMs) marks.lastMs = atMs;
      first = last + 1;
    }
  }

  #partition(cluster: string, topic: string, partition: number): PartitionMarks {
    const topics = made(this.#partitions, cluster, () => new Map<string, Map<number, PartitionMarks>>());
    const partitions = made(topics, topic, () => new Map<number, PartitionMarks>());
    return made(partitions, partition, () => new Map());
  }

  /** What was gathered, with ids for names. */
  entries(names: Dictionaries): LedgerEntry[] {
    const entries: LedgerEntry[] = [];
    const ranges = this.#told.byIndex(this.#all.map(({ told }) => told));
    for (const { index, cluster, topic, incarnation, partition, of, block, firstMs, lastMs } of this.#all) {
      const topicId = names.topics.idOf(topic, cluster);
      const groupId = typeof of === "number" ? of : names.consumerGroups.idOf(of, cluster);
      // A topic or a group beyond its dictionary's cap has no id to be kept under.
      if (topicId === 0 || (groupId === 0 && of !== PRODUCERS)) continue;
      const ends = united(...ranges(index));
      entries.push([topicId, incarnation, partition, groupId, block, firstMs, lastMs + 1, ...ends]);
    }
    return entries;
  }
}

const isSend = (row: SpanRow): boolean =>
  row.kind === KIND_PRODUCER && (row.operation === Operation.send || row.operation === Operation.create);

/** Entries of several writes as those of one, each block once. */
export function uniteEntries(writes: readonly (readonly LedgerEntry[])[]): readonly LedgerEntry[] {
  if (writes.length === 1) return writes[0] as readonly LedgerEntry[];
  const blocks = new Map<string, LedgerEntry[]>();
  for (const entry of writes.flat()) {
    const [topicId, incarnation, partition, groupId, block] = entry;
    made(blocks, `${topicId}/${incarnation}/${partition}/${groupId}/${block}`, () => []).push(entry);
  }
  return [...blocks.values()].map((same) =>
    same.length === 1 ? (same[0] as LedgerEntry) : unitedEntry(same),
  );
}

function unitedEntry(same: readonly LedgerEntry[]): LedgerEntry {
  const [topicId, incarnation, partition, groupId, block] = same[0] as LedgerEntry;
  let [firstMs, lastMs, count] = [Infinity, -Infinity, 0];
  for (const entry of same) {
    firstMs = Math.min(firstMs, entry[5]);
    lastMs = Math.max(lastMs, entry[6]);
    count += (entry.length - ENDS_AT) / 2;
  }
  const firsts = new Float64Array(count);
  const lasts = new Float64Array(count);
  for (const entry of same) {
    for (let at = entry.length - 2; at >= ENDS_AT; at -= 2) {
      count -= 1;
      firsts[count] = entry[at] as number;
      lasts[count] = entry[at + 1] as number;
    }
  }
  return [topicId, incarnation, partition, groupId, block, firstMs, lastMs, ...united(firsts, lasts)];
}

function made<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
