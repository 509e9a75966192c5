import assert from "node:assert";
import { type Client } from "pg";
import { type SpanRow } from "../span/span-row.ts";
import type { WriteResult } from "./batch.ts";
import { moveSourcesOn } from "./fence.ts";
import { type Incarnations } from "./incarnations.ts";
import { type Ledger, type ToldEntries, toldEntries } from "./ledger.ts";
import { noteLateSpans } from "./late-spans.ts";
import { prepare, type Prepared } from "./prepare.ts";
import { type Quarantine } from "./quarantine.ts";
import { groupOf, type SpanGroup } from "./span-group.ts";
import {
  copyLinks,
  copyRanges,
  copySpans,
  IN_SLICES,
  insertSpans,
  ODD_TIMES,
  type SpanEncoding,
  type SpanTables,
} from "./span-tables.ts";
import { type SliceMap } from "./slice-map.ts";

/** What every write of one writer shares. */
export interface WriteContext {
  readonly slices: SliceMap;
  readonly incarnations: Incarnations;
  readonly quarantine: Quarantine;
  readonly ledger: Ledger;
}

/** How a batch is written. */
export interface WriteManner {
  /** By way of a temporary table, on which a span that is there already is passed over. */
  readonly isStaged: boolean;
  /** Tells whether another batch is on its way beside this one, or follows at once. */
  readonly isMoreWaiting: () => boolean;
  /** Called when Postgres has all spans and is still at them: whatever is to be done beside this write costs no time here. */
  readonly whileWaiting: () => void;
}

/** Slices changed between the look at them and the write: nothing was written, look again. */
export class SlicesChanged extends Error {
  override readonly name = "SlicesChanged";
}

/** Thrown when the answer to COMMIT never came: the write may be in, or not. */
export class CommitUnanswered extends Error {
  override readonly name = "CommitUnanswered";
}

/**
 * Writes a batch in one transaction: sources moved on, spans, links, ranges, quarantine, ledger; all of it or nothing.
 *
 * Without `isStaged` a span that is there already fails the whole write with 23505, which is much the cheaper way while
 * there are none.
 */
export async function writeOnce(
  client: Client,
  encoding: SpanEncoding,
  context: WriteContext,
  given: Prepared,
  { isStaged, isMoreWaiting, whileWaiting }: WriteManner,
): Promise<WriteResult> {
  const { slices, incarnations, quarantine, ledger } = context;
  await encoding.names.lookUp(client, given.names);
  await slices.refresh(client);
  await incarnations.refresh(client);
  const fresh = given.slicesVersion === slices.version ? given : prepare(given.parts, context);

  await client.query("BEGIN");
  const { passed, fenced } = await moveSourcesOn(client, fresh.parts);
  const batch = fenced.length === 0 ? fresh : prepare(passed, context);
  let told: ToldEntries | undefined;
  const tell = (): ToldEntries => (told ??= toldEntries(batch.marks, encoding.names));
  let stored = await writeSpans(client, encoding, IN_SLICES, batch.inSlices, isStaged, () => {
    tell();
    whileWaiting();
  });
  if (batch.oddTimes.rows.length > 0) {
    await refuseIfSliced(client, slices, batch.oddTimes.rows);
    stored += await writeSpans(client, encoding, ODD_TIMES, batch.oddTimes, true);
  }
  await noteLateSpans(client, batch.minutes);
  const quarantined = passed.flatMap((part) => part.quarantined);
  await quarantine.release(
    client,
    passed.flatMap((part) => part.released ?? []),
  );
  await quarantine.keep(client, quarantined);
  const kept = await ledger.write(client, tell(), isMoreWaiting());
  await commit(client);
  kept();
  await ledger.uniteRest(client, isMoreWaiting);
  return {
    stored,
    duplicates: batch.inSlices.rows.length + batch.oddTimes.rows.length - stored + batch.repeated,
    expired: batch.expired,
    quarantined: quarantined.length,
    fenced,
  };
}

async function writeSpans(
  client: Client,
  encoding: SpanEncoding,
  tables: SpanTables,
  group: SpanGroup,
  isStaged: boolean,
  whileWaiting?: () => void,
): Promise<number> {
  const { rows } = group;
  if (rows.length === 0) return 0;
  let inserted = group;
  if (isStaged) inserted = groupOf(await insertSpans(client, encoding, tables, rows));
  else await copySpans(client, encoding, tables, rows, whileWaiting);
  await copyLinks(client, encoding, tables, inserted.links, isStaged);
  await copyRanges(client, encoding, tables, inserted.ranges, isStaged);
  return inserted.rows.length;
}

/** With the lock that making a slice waits for: from here to the commit, what has no slice gets none. */
async function refuseIfSliced(client: Client, slices: SliceMap, oddTimes: readonly SpanRow[]): Promise<void> {
  await client.query("LOCK TABLE trail_private.odd_time_spans IN ROW EXCLUSIVE MODE");
  await slices.refresh(client, 0);
  if (oddTimes.some((row) => slices.placeOf(row.startNs) === "slice")) {
    throw new SlicesChanged("A slice was made for spans that had none a moment ago.");
  }
}

async function commit(client: Client): Promise<void> {
  const { command } = await client.query("COMMIT").catch((cause: unknown) => {
    throw new CommitUnanswered("The answer to COMMIT did not come.", { cause });
  });
  // Postgres answers so, and without an error, when the transaction had failed before.
  assert(command === "COMMIT", `Postgres answered COMMIT with ${command}`);
}
