import type { ClientBase } from "pg";
import type { QuarantineRow, SpanRow } from "../span/span-row.ts";
import { POISON, rowOfQuarantined } from "./poison-row.ts";
import type { Writer } from "./writer.ts";

/** Which entries are tried again: one by its hash (or its beginning, where no other begins so), all of a reason, or all. */
export type RetryTarget = { readonly hash: string } | { readonly reason: string } | { readonly all: true };

/**
 * What became of an entry. `stored`: its spans are in, the entry is gone. `expired`: they are older than retention, the
 * entry is gone. `refused`: it is still what it was. `cut`: only its beginning is kept, nothing can come of that.
 */
export type RetryOutcome = "stored" | "expired" | "refused" | "cut";

/** One entry that was tried again. */
export interface Retried {
  readonly hash: string;
  /** Under which it lies, or lay, in quarantine. */
  readonly reason: string;
  readonly outcome: RetryOutcome;
  /** Spans that are new. */
  readonly spans: number;
  /** Spans that were there already. */
  readonly duplicates: number;
  readonly says: string;
}

/** Decodes what is kept, or says why it cannot. main.ts knows who can. */
export type DecodeAgain = (entry: QuarantineRow) =>
  | {
      readonly rows: SpanRow[];
      readonly quarantined: QuarantineRow[];
      readonly reason?: undefined;
    }
  | { readonly reason: string };

interface Entry extends QuarantineRow {
  readonly hash: Buffer;
}

/** Entries read at once: 1.3 MB at most. */
const PAGE_ENTRIES = 20;

/**
 * Tries entries of quarantine again, one transaction each: the spans are stored and the entry is gone, or neither.
 *
 * A span that is there already stays one row, so that it does not matter how often, or by how many, an entry is tried.
 */
export async function* retryQuarantine(
  client: ClientBase,
  writer: Pick<Writer, "write">,
  target: RetryTarget,
  decode: DecodeAgain,
): AsyncGenerator<Retried> {
  let after: Buffer = Buffer.alloc(0);
  for (;;) {
    const entries = await readPage(client, target, after);
    for (const entry of entries) yield await retryOne(writer, entry, decode);
    const last = entries.at(-1);
    if (last === undefined) return;
    after = last.hash;
  }
}

async function retryOne(writer: Pick<Writer, "write">, entry: Entry, decode: DecodeAgain): Promise<Retried> {
  const [hash, { reason }] = [entry.hash.toString("hex"), entry];
  const told = { hash, reason, spans: 0, duplicates: 0 };
  if (entry.bytes.length < entry.bytesTotal || entry.bytes.length === 0) {
    const says = `Of its ${entry.bytesTotal} bytes the first ${entry.bytes.length} are kept: nothing can be made of them.`;
    return { ...told, outcome: "cut", says: entry.bytesTotal === 0 ? "It was never unpacked." : says };
  }
  const decoded = reason.startsWith(POISON)
    ? { rows: [rowOfQuarantined(entry.bytes)], quarantined: [] }
    : decode(entry);
  if (decoded.reason !== undefined) {
    return { ...told, outcome: "refused", says: `It still cannot be stored: ${decoded.reason}.` };
  }
  const { stored, duplicates, expired, quarantined } = await writer.write({
    parts: [{ ...decoded, advance: null, bytes: entry.bytes.length, released: [entry.hash] }],
  });
  if (stored + duplicates + expired === 0)
    return { ...told, outcome: "refused", says: "Postgres still refuses it." };
  if (stored + duplicates === 0) {
    return { ...told, outcome: "expired", says: `Its ${expired} spans are older than retention: forgotten.` };
  }
  const says = [
    `${stored} spans stored`,
    ...(duplicates > 0 ? [`${duplicates} there already`] : []),
    ...(expired > 0 ? [`${expired} past retention`] : []),
    ...(quarantined > 0 ? [`${quarantined} still in quarantine`] : []),
  ].join(", ");
  return { ...told, outcome: "stored", spans: stored, duplicates, says: `${says}.` };
}

async function readPage(client: ClientBase, target: RetryTarget, after: Buffer): Promise<Entry[]> {
  const [condition, value] =
    "hash" in target
      ? ["encode(hash, 'hex') LIKE $2 || '%'", target.hash.toLowerCase().replaceAll(/[^0-9a-f]/g, "")]
      : "reason" in target
        ? ["(reason = $2 OR reason LIKE 'poison: %' AND $2 = 'poison')", target.reason]
        : ["$2 = ''", ""];
  const { rows } = await client.query<Omit<Entry, "sourceOffset"> & { sourceOffset: string | null }>(
    `SELECT hash, reason, source, source_partition AS partition, source_offset AS "sourceOffset",
            bytes_total AS "bytesTotal", bytes
       FROM trail_private.quarantine WHERE hash > $1 AND ${condition}
      ORDER BY hash LIMIT ${PAGE_ENTRIES}`,
    [after, value],
  );
  return rows.map((row) => ({
    ...row,
    sourceOffset: row.sourceOffset === null ? null : BigInt(row.sourceOffset),
  }));
}
