import { type ClientBase } from "pg";
import { isDistributed } from "./citus.ts";
import { planSlices, type SliceBounds } from "./slice-plan.ts";

/** The tables that are sliced, with their time column, and where rows wait whose time has no slice. */
const SLICED = [
  { table: "spans", time: "start_time", odd: "odd_time_spans" },
  { table: "span_links", time: "start_time", odd: "odd_time_span_links" },
  { table: "offset_ranges", time: "start_time", odd: "odd_time_offset_ranges" },
  { table: "log_position_changes", time: "observed_at", odd: undefined },
  { table: "group_position_changes", time: "committed_at", odd: undefined },
  { table: "rollups", time: "minute", odd: undefined },
] as const;

const LOCK = "7236271947";
/** Set on a slice before it is detached, so that a crash in between leaves no doubt about who may drop it. */
const DROP_MARK = "kafka-trail: past its retention, to be dropped";
/** As many odd-time spans in one interval make a slice for it: a new store reading a topic that was filled for days. */
const ODD_SPANS_FOR_A_SLICE = 1_000;

/** When slices are made and dropped. */
export interface SliceTimes {
  readonly now: Date;
  readonly sliceMs: number;
  /** Slices reach at least this far beyond now. */
  readonly aheadMs: number;
  readonly retentionMs: number;
}

/** Reads which times have a slice, in order of time. One that is being detached counts as gone. */
export async function sliceBounds(client: ClientBase): Promise<SliceBounds[]> {
  const { rows } = await client.query<{ from_ms: string; to_ms: string }>(`
    SELECT extract(epoch FROM bound[1]::timestamptz) * 1000 AS from_ms,
           extract(epoch FROM bound[2]::timestamptz) * 1000 AS to_ms
    FROM pg_inherits i
    JOIN pg_class c ON c.oid = i.inhrelid
    CROSS JOIN LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid), $$FROM \\('([^']+)'\\) TO \\('([^']+)'\\)$$) AS bound
    WHERE i.inhparent = 'trail_private.spans'::regclass AND NOT i.inhdetachpending
    ORDER BY 1`);
  return rows.map((row) => ({ fromMs: Number(row.from_ms), toMs: Number(row.to_ms) }));
}

/**
 * Makes the slices that are missing, from the newest one's end (or one slice before now) to `aheadMs` beyond now, and
 * inside retention wherever many odd-time spans wait. Rows that waited move over in the slice's own transaction.
 *
 * The client must not be in a transaction. Several processes may call it at once. Readers and writers are not blocked.
 */
export async function ensureSlices(client: ClientBase, times: SliceTimes): Promise<SliceBounds[]> {
  // Asked first without any lock: nearly always there is nothing to do, and a writer's role may be the one that asks.
  if ((await missingSlices(client, times)).length === 0) return [];
  const made: SliceBounds[] = [];
  for (;;) {
    const next = await makeNextSlice(client, times);
    if (next === undefined) return made;
    made.push(next);
  }
}

async function missingSlices(client: ClientBase, times: SliceTimes): Promise<SliceBounds[]> {
  const { rows } = await client.query<{ at_ms: string }>(
    `SELECT floor(extract(epoch FROM start_time) * 1000 / $1)::bigint * $1::bigint AS at_ms
     FROM trail_private.odd_time_spans WHERE start_time >= $2 AND start_time < $3
     GROUP BY 1 HAVING count(*) >= $4`,
    [times.sliceMs, new Date(times.now.getTime() - times.retentionMs), times.now, ODD_SPANS_FOR_A_SLICE],
  );
  return planSlices(
    await sliceBounds(client),
    times,
    rows.map((row) => Number(row.at_ms)),
  );
}

/** Its own transaction for each slice: the lock on the odd-time tables is held for one slice's rows only. */
async function makeNextSlice(client: ClientBase, times: SliceTimes): Promise<SliceBounds | undefined> {
  await client.query("BEGIN");
  try {
    await client.query(`SELECT pg_advisory_xact_lock(${LOCK})`);
    const [bounds] = await missingSlices(client, times);
    if (bounds) await makeSlice(client, bounds);
    await client.query("COMMIT");
    return bounds;
  } catch (fault) {
    await client.query("ROLLBACK").catch(() => undefined);
    throw fault;
  }
}

async function makeSlice(client: ClientBase, { fromMs, toMs }: SliceBounds): Promise<void> {
  const [from, to] = [new Date(fromMs).toISOString(), new Date(toMs).toISOString()];
  // A writer that puts a span there holds ROW EXCLUSIVE until its commit: after this line it either has, or will see the slice.
  await client.query(
    "LOCK TABLE trail_private.odd_time_spans, trail_private.odd_time_span_links, trail_private.odd_time_offset_ranges IN SHARE ROW EXCLUSIVE MODE",
  );
  for (const { table, time, odd } of SLICED) {
    const parent = `trail_private.${table}`;
    const slice = `${parent}_${sliceSuffix(fromMs)}`;
    // Built apart, then attached: SHARE UPDATE EXCLUSIVE on the parent, which blocks neither readers nor writers.
    await client.query(`
      CREATE TABLE ${slice} (LIKE ${parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)
        WITH (autovacuum_vacuum_insert_scale_factor = 0.05)`);
    await client.query(
      `ALTER TABLE ${parent} ATTACH PARTITION ${slice} FOR VALUES FROM ('${from}') TO ('${to}')`,
    );
    if (odd === undefined) continue;
    if (table === "spans") await noteMinutes(client, from, to);
    await client.query(`
      WITH moved AS (
        DELETE FROM trail_private.${odd} WHERE ${time} >= '${from}' AND ${time} < '${to}' RETURNING *)
      INSERT INTO ${parent} SELECT * FROM moved`);
  }
}

/** Rates and delays leave out what has no slice: these minutes are to be summed up again. */
async function noteMinutes(client: ClientBase, from: string, to: string): Promise<void> {
  const { rows } = await client.query<{ minute: Date }>(
    `SELECT DISTINCT date_trunc('minute', start_time) AS minute FROM trail_private.odd_time_spans
     WHERE start_time >= '${from}' AND start_time < '${to}'`,
  );
  await client.query("INSERT INTO trail_private.rollups_due SELECT unnest($1::timestamptz[])", [
    rows.map(({ minute }) => minute),
  ]);
}

/** `20261121t080000`, in UTC. */
function sliceSuffix(fromMs: number): string {
  return new Date(fromMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, "").toLowerCase();
}

/** What {@link dropExpiredSlices} did. */
export interface DroppedSlices {
  /** Names of the tables dropped. */
  readonly dropped: readonly string[];
  /** Spans without a slice that were past retention as well. */
  readonly oddSpans: number;
}

interface SliceTable {
  readonly parent: string;
  readonly slice: string;
}

/**
 * Drops the slices that lie wholly before `now - retentionMs`, finishing first what an earlier call was interrupted in.
 *
 * The client must not be in a transaction, as DETACH CONCURRENTLY cannot be. When another process is at it, nothing is done.
 */
export async function dropExpiredSlices(
  client: ClientBase,
  { now, retentionMs }: Pick<SliceTimes, "now" | "retentionMs">,
): Promise<DroppedSlices> {
  const { rows } = await client.query<{ got: boolean }>(`SELECT pg_try_advisory_lock(${LOCK}) AS got`);
  if (!rows[0]?.got) return { dropped: [], oddSpans: 0 };
  try {
    const horizon = new Date(now.getTime() - retentionMs);
    const dropped = await finishInterrupted(client);
    const detach = (await isDistributed(client)) ? "" : "CONCURRENTLY";
    for (const { parent, slice } of await expiredSlices(client, horizon)) {
      await client.query(`COMMENT ON TABLE ${slice} IS '${DROP_MARK}'`);
      await client.query(`ALTER TABLE ${parent} DETACH PARTITION ${slice} ${detach}`);
      await client.query(`DROP TABLE ${slice}`);
      dropped.push(slice);
    }
    return { dropped, oddSpans: await dropExpiredOddTimes(client, horizon) };
  } finally {
    await client.query(`SELECT pg_advisory_unlock(${LOCK})`).catch(() => undefined);
  }
}

async function finishInterrupted(client: ClientBase): Promise<string[]> {
  const { rows: pending } = await client.query<SliceTable>(`
    SELECT inhparent::regclass::text AS parent, inhrelid::regclass::text AS slice
    FROM pg_inherits JOIN pg_class c ON c.oid = inhparent
    WHERE inhdetachpending AND c.relnamespace = 'trail_private'::regnamespace`);
  for (const { parent, slice } of pending) {
    await client.query(`ALTER TABLE ${parent} DETACH PARTITION ${slice} FINALIZE`);
  }
  const { rows: detached } = await client.query<{ slice: string }>(
    `SELECT oid::regclass::text AS slice FROM pg_class
     WHERE relnamespace = 'trail_private'::regnamespace AND relkind = 'r' AND NOT relispartition
       AND obj_description(oid, 'pg_class') = $1`,
    [DROP_MARK],
  );
  for (const { slice } of detached) await client.query(`DROP TABLE ${slice}`);
  return detached.map(({ slice }) => slice);
}

async function expiredSlices(client: ClientBase, horizon: Date): Promise<SliceTable[]> {
  const { rows } = await client.query<SliceTable>(
    `SELECT i.inhparent::regclass::text AS parent, i.inhrelid::regclass::text AS slice
     FROM pg_inherits i
     JOIN pg_class c ON c.oid = i.inhrelid
     CROSS JOIN LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid), $$ TO \\('([^']+)'\\)$$) AS bound
     WHERE i.inhparent = ANY ($1::regclass[]) AND bound[1]::timestamptz <= $2
     ORDER BY bound[1]::timestamptz, i.inhparent = 'trail_private.spans'::regclass DESC`,
    [SLICED.map(({ table }) => `trail_private.${table}`), horizon],
  );
  return rows;
}

/** By their own time, and where that lies ahead, by the time they came. */
async function dropExpiredOddTimes(client: ClientBase, horizon: Date): Promise<number> {
  let spans = 0;
  for (const { odd, time } of SLICED) {
    if (odd === undefined) continue;
    const { rowCount } = await client.query(
      `DELETE FROM trail_private.${odd} o WHERE ${time} < $1 OR EXISTS (
         SELECT FROM trail_private.odd_time_arrivals a
         WHERE a.trace_id = o.trace_id AND a.span_id = o.span_id AND a.start_time = o.start_time AND a.arrived_at < $1)`,
      [horizon],
    );
    if (odd === "odd_time_spans") spans = rowCount ?? 0;
  }
  await client.query("DELETE FROM trail_private.odd_time_arrivals WHERE arrived_at < $1", [horizon]);
  return spans;
}
