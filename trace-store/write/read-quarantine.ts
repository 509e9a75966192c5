import type { ClientBase } from "pg";

/** Something that could not be stored. */
export interface Quarantined {
  /** SHA-256 of its bytes, hex: its name. */
  readonly hash: string;
  readonly reason: string;
  /** `kafka:<topic>`, `otlp/grpc` or `otlp/http`. */
  readonly source: string;
  readonly partition: number | null;
  /** Decimal. */
  readonly sourceOffset: string | null;
  readonly bytesTotal: number;
  /** RFC 3339. */
  readonly seenAt: string;
  /** What is kept of its bytes, base64: 64 KiB at most. Only where one was asked for. */
  readonly bytes?: string;
}

/** Entries of a list, at most. */
const ENTRIES_MAX = 1_000;

/** Reads the newest entries of the quarantine; with `hash` (or its beginning) those of that name, with their bytes. */
export async function readQuarantine(client: ClientBase, hash: string | undefined): Promise<Quarantined[]> {
  const { rows } = await client.query<Quarantined>(
    `SELECT encode(hash, 'hex') AS hash, reason, source, source_partition AS partition,
            source_offset::text AS "sourceOffset", bytes_total AS "bytesTotal",
            to_char(seen_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS "seenAt"
            ${hash === undefined ? "" : `, encode(bytes, 'base64') AS bytes`}
       FROM trail_private.quarantine
      WHERE encode(hash, 'hex') LIKE $1 || '%'
      ORDER BY seen_at DESC LIMIT ${ENTRIES_MAX}`,
    [(hash ?? "").toLowerCase().replaceAll(/[^0-9a-f]/g, "")],
  );
  return rows;
}
