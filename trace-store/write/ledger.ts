import { type ClientBase } from "pg";
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
/** More ranges than this in a block, and only its bounds are kept: at 10 % sampling a union costs 5.7 ms (measured). */
const RANGES_MAX = 256;

/** Both ends included. Numbers: half the work of the ledger was arithmetic of bigints. */
interface Range {
  first: number;
  last: number;
}

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

/** Gathers which offsets the spans of one write tell of: produced, processed, void. */
export class LedgerMarks {
  readonly #incarnations: Incarnations;
  readonly #blocks = new Map<string, Marks>();
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
    for (let first = from; first <= to;) {
      const block = Math.floor(first / BLOCK_LENGTH);
      const last = Math.min(to, (block + 1) * BLOCK_LENGTH - 1);
      const key = `${topic}\0${partition}/${block}/${incarnation}/${of}\0${cluster}`;
      const marks = this.#blocks.get(key);
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
        this.#blocks.set(key, told);
      } else {
        marks.ranges.push({ first, last });
        if (atNs < marks.firstNs) marks.firstNs = atNs;
        if (atNs > marks.lastNs) marks.lastNs = atNs;
      }
      first = last + 1;
    }
  }

  /** Unites what was gathered with what is stored, inside the caller's transaction. */
  async write(client: ClientBase, names: Dictionaries): Promise<void> {
    const entries = [...this.#blocks.values()]
      .map((marks) => ({
        ...marks,
        ranges: united(marks.ranges),
        topicId: names.topics.idOf(marks.topic, marks.cluster),
        groupId: typeof marks.of === "number" ? marks.of : names.consumerGroups.idOf(marks.of, marks.cluster),
      }))
      // A topic or a group beyond its dictionary's cap has no id to be kept under.
      .filter(({ topicId, of, groupId }) => topicId > 0 && (of === PRODUCERS || groupId !== 0));
    if (entries.length === 0) return;
    await client.query(UNITE, [
      entries.map((it) => it.topicId),
      entries.map((it) => it.incarnation),
      entries.map((it) => it.partition),
      entries.map((it) => it.groupId),
      entries.map((it) => it.block),
      entries.map((it) => it.ranges.length > RANGES_MAX),
      entries.map((it) => isoTime(it.firstNs)),
      entries.map((it) => isoTime(it.lastNs + 999_999n)),
      entries.map((it) => spell(it.ranges)),
    ]);
  }
}

/** To the millisecond, rounded down. */
const isoTime = (ns: bigint): string => new Date(Number(ns / 1_000_000n)).toISOString();

const isSend = (row: SpanRow): boolean =>
  row.kind === KIND_PRODUCER && (row.operation === Operation.send || row.operation === Operation.create);

/** Sorted, and as few as possible. */
function united(ranges: Range[]): Range[] {
  const result: Range[] = [];
  for (const { first, last } of ranges.toSorted((a, b) => a.first - b.first)) {
    const before = result.at(-1);
    if (before === undefined || first > before.last + 1) result.push({ first, last });
    else if (last > before.last) before.last = last;
  }
  return result;
}

/** As an int8multirange; beyond {@link RANGES_MAX} the bounds alone. */
function spell(ranges: readonly Range[]): string {
  if (ranges.length > RANGES_MAX) return `{[${ranges[0]?.first},${ranges.at(-1)?.last}]}`;
  return `{${ranges.map(({ first, last }) => `[${first},${last}]`).join(",")}}`;
}

// In key order, so that two writers never wait for each other in a circle. A union is the same however often it is made.
// pg_column_size stands for the number of ranges (8 bytes and 21 for each), which Postgres does not tell without unnesting them.
const UNITE = `
  INSERT INTO trail_private.ledger AS l
    (topic_id, incarnation, partition, consumer_group_id, block, sampled, first_at, last_at, ranges)
  SELECT * FROM unnest($1::int[], $2::int[], $3::int[], $4::int[], $5::bigint[], $6::boolean[],
                       $7::timestamptz[], $8::timestamptz[], $9::int8multirange[])
  ORDER BY 1, 2, 3, 4, 5
  ON CONFLICT (topic_id, incarnation, partition, consumer_group_id, block) DO UPDATE SET
    (sampled, ranges) = (
      SELECT is_sampled, CASE WHEN is_sampled THEN int8multirange(range_merge(united)) ELSE united END
      FROM (SELECT united, l.sampled OR EXCLUDED.sampled OR pg_column_size(united) > ${RANGES_MAX * 21 + 8} AS is_sampled
            FROM (SELECT l.ranges + EXCLUDED.ranges AS united) AS sum) AS judged),
    first_at = least(l.first_at, EXCLUDED.first_at),
    last_at = greatest(l.last_at, EXCLUDED.last_at)
  WHERE NOT l.ranges @> EXCLUDED.ranges`;
