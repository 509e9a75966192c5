import { createHash } from "node:crypto";
import { type ClientBase } from "pg";
import { type QuarantineRow } from "../span/span-row.ts";

/** How much quarantine holds. The oldest make room. */
export interface QuarantineLimits {
  readonly rowsMax: number;
  readonly bytesMax: number;
}

export const DEFAULT_QUARANTINE_LIMITS: QuarantineLimits = { rowsMax: 100_000, bytesMax: 268_435_456 };

const BYTES_KEPT_MAX = 65_536;
const CHECK_EVERY_MS = 10_000;

/** Keeps what could not be stored as a span, once however often it arrives, within limits. */
export class Quarantine {
  readonly #limits: QuarantineLimits;
  #checkedAtMs = 0;

  constructor(limits: QuarantineLimits = DEFAULT_QUARANTINE_LIMITS) {
    this.#limits = limits;
  }

  /** Adds rows in the caller's transaction. */
  async keep(client: ClientBase, rows: readonly QuarantineRow[]): Promise<void> {
    if (rows.length === 0) return;
    await client.query(
      `INSERT INTO trail_private.quarantine (hash, reason, source, source_partition, source_offset, bytes_total, bytes)
       SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[], $4::int[], $5::bigint[], $6::int[], $7::bytea[])
       ORDER BY 1
       ON CONFLICT DO NOTHING`,
      [
        rows.map(hashOf),
        rows.map((it) => it.reason.replaceAll("\0", "\u{fffd}")),
        rows.map((it) => it.source.replaceAll("\0", "\u{fffd}")),
        rows.map((it) => it.partition),
        rows.map((it) => it.sourceOffset?.toString() ?? null),
        rows.map((it) => it.bytesTotal),
        rows.map((it) => it.bytes.subarray(0, BYTES_KEPT_MAX)),
      ],
    );
    if (Date.now() - this.#checkedAtMs < CHECK_EVERY_MS) return;
    this.#checkedAtMs = Date.now();
    await this.#makeRoom(client);
  }

  /** Takes entries out in the caller's transaction, before what is found bad again is kept. */
  async release(client: ClientBase, hashes: readonly Buffer[]): Promise<void> {
    if (hashes.length === 0) return;
    await client.query("DELETE FROM trail_private.quarantine WHERE hash = ANY ($1::bytea[])", [hashes]);
  }

  async #makeRoom(client: ClientBase): Promise<void> {
    // pg_column_size does not read the bytes themselves; SKIP LOCKED: another indexer may be making room as well.
    await client.query(
      `DELETE FROM trail_private.quarantine WHERE hash IN (
         SELECT hash FROM trail_private.quarantine WHERE hash IN (
           SELECT hash FROM (
             SELECT hash, row_number() OVER newest AS rank, sum(pg_column_size(bytes)) OVER newest AS bytes_so_far
             FROM trail_private.quarantine WINDOW newest AS (ORDER BY seen_at DESC, hash)) AS ranked
           WHERE rank > $1 OR bytes_so_far > $2)
         FOR UPDATE SKIP LOCKED)`,
      [this.#limits.rowsMax, this.#limits.bytesMax],
    );
  }
}

/**
 * The bytes that are cut off do not go in, but their number does. Of what was never unpacked there are none: such a record
 * is named by where it lies, or every bomb would be the same one.
 */
function hashOf(row: QuarantineRow): Buffer {
  const hash = createHash("sha256").update(row.bytes).update(String(row.bytesTotal));
  if (row.bytes.length === 0) hash.update(`${row.reason} ${row.source}/${row.partition}/${row.sourceOffset}`);
  return hash.digest();
}
