import { type SpanRow } from "../span/span-row.ts";
import { Operation, RangeRole } from "../span/vocabulary.ts";
import { type Dictionaries } from "./dictionaries.ts";
import { type Incarnations } from "./incarnations.ts";

const BLOCK_LENGTH = 65_536;
/** Beyond it a number is not exact. No Kafka log was ever so long; a span may claim to know one. */
const OFFSET_MAX = Number.MAX_SAFE_INTEGER - 1;
const PRODUCERS = 0;
const VOID = -1;
const KIND_PRODUCER = 4;
const STATUS_ERROR = 2;

/** Both ends included. Numbers: half the work of the ledger was arithmetic of bigints. */
export interface Range {
  first: number;
  last: number;
}

/** What one write tells of one block, as the ledger names it. */
export interface LedgerEntry {
  readonly topicId: number;
  readonly incarnation: number;
  readonly partition: number;
  readonly groupId: number;
  readonly block: number;
  /** Sorted, and as few as possible. */
  readonly ranges: readonly Range[];
  /** Start of the first span and of the last, rounded outwards. */
  readonly firstMs: number;
  readonly lastMs: number;
}

/** A {@link LedgerEntry} as it is held: the fields in their order, and the ends of all ranges. */
export type HeldEntry = [
  topicId: number,
  incarnation: number,
  partition: number,
  groupId: number,
  block: number,
  firstMs: number,
  lastMs: number,
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
  readonly ranges: Range[];
  firstNs: bigint;
  lastNs: bigint;
}

/** Marks of one partition, by whom they are about and by block; a block has one for each incarnation. */
type PartitionMarks = Map<Marks["of"], Map<number, Marks[]>>;

/** Gathers which offsets the spans of one write tell of: produced, processed, void. */
export class LedgerMarks {
  readonly #incarnations: Incarnations;
  /** By cluster, topic and partition: no key is put together for each span. */
  readonly #partitions = new Map<string, Map<string, Map<number, PartitionMarks>>>();
  readonly #all: Marks[] = [];
  readonly #nowNs = BigInt(Date.now()) * 1_000_000n;

  constructor(incarnations: Incarnations) {
    this.#incarnations = incarnations;
  }

  /** Adds what one span tells. */
  add(row: SpanRow): void {
    const { topic, partition, consumerGroup: group } = row;
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
    // A clock that runs ahead must not keep a block from being forgotten.
    const atNs = row.startNs < this.#nowNs ? row.startNs : this.#nowNs;
    const { cluster } = row;
    const incarnation = this.#incarnations.at(cluster, topic, atNs);
    const blocks = this.#blocksOf(cluster, topic, partition, of);
    for (let first = from; first <= to;) {
      const block = Math.floor(first / BLOCK_LENGTH);
      const last = Math.min(to, (block + 1) * BLOCK_LENGTH - 1);
      const lives = made(blocks, block, () => []);
      const marks = lives.find((it) => it.incarnation === incarnation);
      if (marks === undefined) {
        const ranges = [{ first, last }];
        const told = {
          cluster,
          topic,
          incarnation,
          partition,
          of,
          block,
          ranges,
          firstNs: atNs,
          lastNs: atNs,
        };
        lives.push(told);
        this.#all.push(told);
      } else {
        marks.ranges.push({ first, last });
        if (atNs < marks.firstNs) marks.firstNs = atNs;
        if (atNs > marks.lastNs) marks.lastNs = atNs;
      }
      first = last + 1;
    }
  }

  #blocksOf(cluster: string, topic: string, partition: number, of: Marks["of"]): Map<number, Marks[]> {
    const topics = made(this.#partitions, cluster, () => new Map<string, Map<number, PartitionMarks>>());
    const partitions = made(topics, topic, () => new Map<number, PartitionMarks>());
    const marks: PartitionMarks = made(partitions, partition, () => new Map());
    return made(marks, of, () => new Map<number, Marks[]>());
  }

  /** What was gathered, with ids for names, sorted and with as few ranges as possible. */
  entries(names: Dictionaries): LedgerEntry[] {
    return (
      this.#all
        .map((marks) => ({
          ...marks,
          ranges: united(marks.ranges),
          firstMs: Number(marks.firstNs / 1_000_000n),
          lastMs: Number((marks.lastNs + 999_999n) / 1_000_000n),
          topicId: names.topics.idOf(marks.topic, marks.cluster),
          groupId:
            typeof marks.of === "number" ? marks.of : names.consumerGroups.idOf(marks.of, marks.cluster),
        }))
        // A topic or a group beyond its dictionary's cap has no id to be kept under.
        .filter(({ topicId, of, groupId }) => topicId > 0 && (of === PRODUCERS || groupId !== 0))
    );
  }
}

const isSend = (row: SpanRow): boolean =>
  row.kind === KIND_PRODUCER && (row.operation === Operation.send || row.operation === Operation.create);

/** Entries of several writes as those of one, each block once. */
export function uniteEntries(writes: readonly (readonly LedgerEntry[])[]): readonly LedgerEntry[] {
  if (writes.length === 1) return writes[0] as readonly LedgerEntry[];
  const blocks = new Map<string, { entry: LedgerEntry; ranges: Range[]; firstMs: number; lastMs: number }>();
  for (const entry of writes.flat()) {
    const { topicId, incarnation, partition, groupId, block, ranges, firstMs, lastMs } = entry;
    const key = `${topicId}/${incarnation}/${partition}/${groupId}/${block}`;
    const same = blocks.get(key);
    if (same === undefined) blocks.set(key, { entry, ranges: [...ranges], firstMs, lastMs });
    else {
      for (const range of ranges) same.ranges.push(range);
      same.firstMs = Math.min(same.firstMs, firstMs);
      same.lastMs = Math.max(same.lastMs, lastMs);
    }
  }
  return [...blocks.values()].map(({ entry, ranges, firstMs, lastMs }) => ({
    ...entry,
    ranges: united(ranges),
    firstMs,
    lastMs,
  }));
}

/** Sorted, and as few as possible. The ranges given may come out changed. */
function united(ranges: Range[]): Range[] {
  const result: Range[] = [];
  for (const { first, last } of ranges.toSorted((a, b) => a.first - b.first)) {
    const before = result.at(-1);
    if (before === undefined || first > before.last + 1) result.push({ first, last });
    else if (last > before.last) before.last = last;
  }
  return result;
}

function made<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
