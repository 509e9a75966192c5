import { wholeMs } from "../span/nanoseconds.ts";
import { type SpanRow } from "../span/span-row.ts";
import { Operation, RangeRole } from "../span/vocabulary.ts";
import { type Dictionaries } from "./dictionaries.ts";
import { type Incarnations } from "./incarnations.ts";

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

/** What one write tells of one block of one partition. `of` is a consumer group's name, or who else it is about. */
interface Marks {
  readonly cluster: string;
  readonly topic: string;
  readonly incarnation: number;
  readonly partition: number;
  readonly of: string | typeof PRODUCERS | typeof VOID;
  readonly block: number;
  readonly firsts: number[];
  readonly lasts: number[];
  firstMs: number;
  lastMs: number;
}

/** Marks of one partition, by whom they are about and by block and incarnation. */
type PartitionMarks = Map<Marks["of"], Map<number, Marks>>;

/** Gathers which offsets the spans of one write tell of: produced, processed, void. */
export class LedgerMarks {
  readonly #incarnations: Incarnations;
  /** By cluster, topic and partition: no key is put together for each span. */
  readonly #partitions = new Map<string, Map<string, Map<number, PartitionMarks>>>();
  readonly #all: Marks[] = [];
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
    const blocks = this.#blocksOf(cluster, topic, partition, of);
    for (let first = from; first <= to;) {
      const block = Math.floor(first / BLOCK_LENGTH);
      const last = Math.min(to, (block + 1) * BLOCK_LENGTH - 1);
      const key = (incarnation - 1) * BLOCKS_MAX + block;
      const marks = blocks.get(key);
      if (marks === undefined) {
        const firsts = [first];
        const lasts = [last];
        const place = { cluster, topic, incarnation, partition, of, block };
        const told = { ...place, firsts, lasts, firstMs: atMs, lastMs: atMs };
        blocks.set(key, told);
        this.#all.push(told);
      } else {
        marks.firsts.push(first);
        marks.lasts.push(last);
        if (atMs < marks.firstMs) marks.firstMs = atMs;
        if (atMs > marks.lastMs) marks.lastMs = atMs;
      }
      first = last + 1;
    }
  }

  #blocksOf(cluster: string, topic: string, partition: number, of: Marks["of"]): Map<number, Marks> {
    const topics = made(this.#partitions, cluster, () => new Map<string, Map<number, PartitionMarks>>());
    const partitions = made(topics, topic, () => new Map<number, PartitionMarks>());
    const marks: PartitionMarks = made(partitions, partition, () => new Map());
    return made(marks, of, () => new Map<number, Marks>());
  }

  /** What was gathered, with ids for names. */
  entries(names: Dictionaries): LedgerEntry[] {
    const entries: LedgerEntry[] = [];
    for (const {
      cluster,
      topic,
      incarnation,
      partition,
      of,
      block,
      firsts,
      lasts,
      firstMs,
      lastMs,
    } of this.#all) {
      const topicId = names.topics.idOf(topic, cluster);
      const groupId = typeof of === "number" ? of : names.consumerGroups.idOf(of, cluster);
      // A topic or a group beyond its dictionary's cap has no id to be kept under.
      if (topicId === 0 || (groupId === 0 && of !== PRODUCERS)) continue;
      const ends = united(firsts, lasts);
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
  const firstMs = Math.min(...same.map((it) => it[5]));
  const lastMs = Math.max(...same.map((it) => it[6]));
  const [firsts, lasts]: [number[], number[]] = [[], []];
  for (const [, , , , , , , ...ends] of same) {
    for (let i = 0; i < ends.length; i += 2) {
      firsts.push(ends[i] as number);
      lasts.push(ends[i + 1] as number);
    }
  }
  return [topicId, incarnation, partition, groupId, block, firstMs, lastMs, ...united(firsts, lasts)];
}

/**
 * The ends of as few ranges as possible, in order. Firsts and lasts may be sorted apart: where the next first lies beyond
 * the last so far, everything before it is behind.
 */
function united(firsts: readonly number[], lasts: readonly number[]): readonly number[] {
  if (firsts.length === 1) return [firsts[0] as number, lasts[0] as number];
  const first = Float64Array.from(firsts).sort();
  const last = Float64Array.from(lasts).sort();
  const ends = [first[0] as number];
  for (let i = 1; i < first.length; i += 1) {
    if ((first[i] as number) > (last[i - 1] as number) + 1)
      ends.push(last[i - 1] as number, first[i] as number);
  }
  ends.push(last.at(-1) as number);
  return ends;
}

function made<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
