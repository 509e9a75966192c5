import { type ClientBase } from "pg";
import { type Dictionaries } from "./dictionaries.ts";
import { ENDS_AT, type LedgerEntry, type LedgerMarks, uniteEntries } from "./ledger-marks.ts";

/** More ranges than this in a block, and only its bounds are kept: at 10 % sampling a union costs 5.7 ms (measured). */
const RANGES_MAX = 256;
/** So many writes' marks are held back at most, and so long, while more is waiting behind each of them. */
const HELD_WRITES_MAX = 32;
const HELD_MS_MAX = 2_000;
/** Held writes that are united at once, at most: what indexers that are gone left behind comes in pieces, as it lies in memory. */
const UNITED_WRITES_MAX = HELD_WRITES_MAX;

/** What one write tells: as entries, to be united, and spelled, to be held. */
export interface ToldEntries {
  readonly entries: readonly LedgerEntry[];
  readonly json: string;
}

/** Puts ids to what a write tells. Both forms, whichever will be wanted: it is done while Postgres is busy with the spans. */
export function toldEntries(marks: LedgerMarks, names: Dictionaries): ToldEntries {
  const entries = marks.entries(names);
  return { entries, json: JSON.stringify(entries) };
}

/**
 * Keeps the ledger: which offsets the spans of each write tell of.
 *
 * Uniting 5,000 spans' marks with the ledger takes as long as copying the spans, as they touch a thousand of its rows, and
 * uniting those of thirty writes takes hardly longer. So while others are on their way a write only puts its marks down, in
 * the transaction of its spans, and the last one unites them all, whichever indexer wrote them.
 */
export class Ledger {
  #heldWrites = 0;
  #heldSinceMs = 0;

  /**
   * Puts down or unites what one write told, inside the caller's transaction. Returns what is to be called after COMMIT.
   */
  async write(
    client: ClientBase,
    { entries, json }: ToldEntries,
    isMoreWaiting: boolean,
  ): Promise<() => void> {
    if (isMoreWaiting && !this.#isDue()) {
      if (entries.length > 0) await hold(client, json);
      return () => this.#held();
    }
    // What another write commits from here on may not be seen, and stays counted.
    const seen = this.#heldWrites;
    if (seen > 0) await unite(client, [...(await takeHeld(client)), entries]);
    else if (entries.length > 0) await unite(client, [entries]);
    return () => this.#united(seen);
  }

  /**
   * Unites what is still held when nobody is on the way any more: to be called by every write after its COMMIT, as two that
   * were on the way at once may both have left it to the other.
   *
   * Never throws: the write is in. What stays held is united by the next write, or by the slice keeper.
   */
  async uniteRest(client: ClientBase, isMoreWaiting: () => boolean): Promise<void> {
    try {
      // Again: another write may have come and gone meanwhile, and have left it to this one.
      while (this.#heldWrites > 0 && !isMoreWaiting()) {
        const seen = this.#heldWrites;
        await uniteSome(client);
        this.#united(seen);
      }
    } catch {
      // A connection that broke is found broken by the next write.
    }
  }

  #isDue(): boolean {
    if (this.#heldWrites === 0) return false;
    return this.#heldWrites >= HELD_WRITES_MAX || performance.now() - this.#heldSinceMs >= HELD_MS_MAX;
  }

  #held(): void {
    if (this.#heldWrites === 0) this.#heldSinceMs = performance.now();
    this.#heldWrites += 1;
  }

  #united(count: number): void {
    this.#heldWrites = Math.max(0, this.#heldWrites - count);
    this.#heldSinceMs = performance.now();
  }
}

/** Unites what writes have put down and nobody has united: an indexer that is gone. In transactions of its own. */
export async function uniteHeldMarks(client: ClientBase): Promise<void> {
  while (await uniteSome(client));
}

/** Tells whether there were any. */
async function uniteSome(client: ClientBase): Promise<boolean> {
  await client.query("BEGIN");
  try {
    const held = await takeHeld(client);
    await unite(client, held);
    await client.query("COMMIT");
    return held.length > 0;
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  }
}

/** As text, which Postgres only has to keep: as arrays of its own types they took 20 ms to read for 5,000 spans. */
async function hold(client: ClientBase, json: string): Promise<void> {
  // A mark beyond the limit is judged again when it is united: its bounds alone would not say that they are.
  await client.query("INSERT INTO trail_private.ledger_marks (marks) VALUES ($1)", [json]);
}

/** Takes away what is held, but for what another indexer is uniting just now. */
async function takeHeld(client: ClientBase): Promise<LedgerEntry[][]> {
  const { rows } = await client.query<{ marks: LedgerEntry[] }>(
    `DELETE FROM trail_private.ledger_marks WHERE ctid = ANY (ARRAY(
       SELECT ctid FROM trail_private.ledger_marks LIMIT ${UNITED_WRITES_MAX} FOR UPDATE SKIP LOCKED))
     RETURNING marks`,
  );
  return rows.map(({ marks }) => marks);
}

async function unite(client: ClientBase, held: readonly (readonly LedgerEntry[])[]): Promise<void> {
  const entries = uniteEntries(held);
  if (entries.length === 0) return;
  // An array as Postgres spells it: pg would look through each of its elements for what it must escape.
  const column = (of: (entry: LedgerEntry) => unknown): string => `{${entries.map(of).join(",")}}`;
  await client.query(UNITE, [
    // Topic, incarnation, partition, group, block.
    column((it) => it[0]),
    column((it) => it[1]),
    column((it) => it[2]),
    column((it) => it[3]),
    column((it) => it[4]),
    column(isSampled),
    column((it) => new Date(it[5]).toISOString()),
    column((it) => new Date(it[6]).toISOString()),
    column((it) => `"${spell(it)}"`),
  ]);
}

const isSampled = (entry: LedgerEntry): boolean => entry.length - ENDS_AT > RANGES_MAX * 2;

/** The ranges as an int8multirange; beyond {@link RANGES_MAX} the bounds alone. */
function spell(entry: LedgerEntry): string {
  if (isSampled(entry)) return `{[${entry[ENDS_AT]},${entry.at(-1)}]}`;
  let text = "{";
  for (let i = ENDS_AT; i < entry.length; i += 2)
    text += `${i === ENDS_AT ? "" : ","}[${entry[i]},${entry[i + 1]}]`;
  return `${text}}`;
}

const RANGES_BYTES_MAX = RANGES_MAX * 21 + 8;
// pg_column_size stands for the number of ranges (8 bytes and 21 for each), which Postgres does not tell without unnesting them.
// Of the two apart first: a union has no more ranges than they, and to make it only to measure it was a third of this statement.
const IS_SAMPLED = `l.sampled OR EXCLUDED.sampled OR
      pg_column_size(l.ranges) + pg_column_size(EXCLUDED.ranges) > ${RANGES_BYTES_MAX}
      AND pg_column_size(l.ranges + EXCLUDED.ranges) > ${RANGES_BYTES_MAX}`;
// In key order, so that two writers never wait for each other in a circle. A union is the same however often it is made.
const UNITE = `
  INSERT INTO trail_private.ledger AS l
    (topic_id, incarnation, partition, consumer_group_id, block, sampled, first_at, last_at, ranges)
  SELECT * FROM unnest($1::int[], $2::int[], $3::int[], $4::int[], $5::bigint[], $6::boolean[],
                       $7::timestamptz[], $8::timestamptz[], $9::int8multirange[])
  ORDER BY 1, 2, 3, 4, 5
  ON CONFLICT (topic_id, incarnation, partition, consumer_group_id, block) DO UPDATE SET
    sampled = ${IS_SAMPLED},
    ranges = CASE WHEN ${IS_SAMPLED}
      THEN int8multirange(range_merge(l.ranges + EXCLUDED.ranges)) ELSE l.ranges + EXCLUDED.ranges END,
    first_at = least(l.first_at, EXCLUDED.first_at),
    last_at = greatest(l.last_at, EXCLUDED.last_at)
  WHERE NOT l.ranges @> EXCLUDED.ranges`;
