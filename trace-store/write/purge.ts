import { hashKey } from "kafka-trail/trace-context";
import type { ClientBase } from "pg";

/** What is to be forgotten: every span with a message key, or every span of a trace (32 hex characters or a UUID). */
export type PurgeTarget = { readonly key: string } | { readonly traceId: string };

/** What was forgotten. */
export interface Purged {
  readonly spans: number;
  readonly links: number;
  readonly ranges: number;
  /** Entries of quarantine whose bytes hold the key or the trace id. */
  readonly quarantined: number;
}

/** Tables of spans with those of their links and ranges. */
const PLACES = [
  { spans: "spans", links: "span_links", ranges: "offset_ranges" },
  { spans: "odd_time_spans", links: "odd_time_span_links", ranges: "odd_time_offset_ranges" },
] as const;

/**
 * Forgets spans, with their links and ranges, and what quarantine holds of them, in one transaction.
 *
 * Offsets in the ledger and names in the dictionaries stay: they tell of no message's content. The span topic and
 * backups are not reached. A sender that sends the same spans again brings them back. With `keyHmacSecret` a key is also
 * forgotten where it was recorded as an HMAC.
 */
export async function purge(
  client: ClientBase,
  target: PurgeTarget,
  keyHmacSecret?: string,
): Promise<Purged> {
  const isHashed = "key" in target && keyHmacSecret !== undefined;
  const keys = "key" in target ? [target.key, ...(isHashed ? [hashKey(target.key, keyHmacSecret)] : [])] : [];
  const wanted = "key" in target ? { keys } : target;
  await client.query("BEGIN");
  try {
    const counts = { spans: 0, links: 0, ranges: 0 };
    for (const place of PLACES) {
      const found = await forgetSpans(client, place.spans, wanted);
      counts.spans += found.traceIds.length;
      counts.links += await forgetRowsOf(client, place.links, found);
      counts.ranges += await forgetRowsOf(client, place.ranges, found);
      await client.query(
        "INSERT INTO trail_private.rollups_due SELECT DISTINCT date_trunc('minute', t) FROM unnest($1::timestamptz[]) t",
        [found.startTimes],
      );
    }
    const quarantined = await forgetQuarantined(client, wanted);
    await client.query("COMMIT");
    return { ...counts, quarantined };
  } catch (fault) {
    await client.query("ROLLBACK").catch(() => undefined);
    throw fault;
  }
}

/** The keys under which one key may be stored, or a trace. */
type Wanted = { readonly keys: readonly string[] } | { readonly traceId: string };

interface Found {
  readonly traceIds: string[];
  readonly spanIds: string[];
  readonly startTimes: Date[];
}

async function forgetSpans(client: ClientBase, table: string, wanted: Wanted): Promise<Found> {
  // left(): the expression of the SQL index on keys.
  const [condition, value] =
    "keys" in wanted
      ? [
          "left(message_key, 128) = ANY (ARRAY(SELECT left(k, 128) FROM unnest($1::text[]) k)) AND message_key = ANY ($1)",
          wanted.keys,
        ]
      : ["trace_id = $1::uuid", wanted.traceId];
  const { rows } = await client.query<{ trace_id: string; span_id: string; start_time: Date }>(
    `DELETE FROM trail_private.${table} WHERE ${condition} RETURNING trace_id, span_id, start_time`,
    [value],
  );
  return {
    traceIds: rows.map((row) => row.trace_id),
    spanIds: rows.map((row) => row.span_id),
    startTimes: rows.map((row) => row.start_time),
  };
}

async function forgetRowsOf(
  client: ClientBase,
  table: string,
  { traceIds, spanIds }: Found,
): Promise<number> {
  if (traceIds.length === 0) return 0;
  const { rowCount } = await client.query(
    `DELETE FROM trail_private.${table}
     WHERE trace_id = ANY ($1::uuid[])
       AND (trace_id, span_id) IN (SELECT * FROM unnest($1::uuid[], $2::bigint[]))`,
    [traceIds, spanIds],
  );
  return rowCount ?? 0;
}

async function forgetQuarantined(client: ClientBase, wanted: Wanted): Promise<number> {
  const patterns =
    "keys" in wanted
      ? wanted.keys.map((key) => Buffer.from(key))
      : [Buffer.from(plainHex(wanted.traceId), "hex"), Buffer.from(plainHex(wanted.traceId))];
  const { rowCount } = await client.query(
    `DELETE FROM trail_private.quarantine
     WHERE EXISTS (SELECT FROM unnest($1::bytea[]) AS p (pattern) WHERE position(pattern IN bytes) > 0)`,
    [patterns.filter((it) => it.length > 0)],
  );
  return rowCount ?? 0;
}

const plainHex = (traceId: string): string => traceId.replaceAll("-", "").toLowerCase();
