import type { ClientBase } from "pg";
import { sliceBounds } from "./slices.ts";

const LOCK = "7236271948";
const MINUTE_MS = 60_000;
/** Minutes that are summed up in one transaction: at 10,000 spans/s that is three million spans. */
const MINUTES_MAX = 5;
/** Transactions of one call, so that other work of the timer has its turn: the rest follows in the next. */
const STEPS_MAX = 24;

/** What one call of {@link rollUp} did. */
export interface RolledUp {
  /** Minutes closed. */
  readonly closed: number;
  /** Minutes summed up again, as spans came late or went. */
  readonly again: number;
}

/**
 * Sums up closed minutes into `rollups`, and again those in which something changed since.
 *
 * A writer says of a span whose minute is closed at that moment that it came late (`rollups_due`). So a minute may be summed
 * up when it is closed and no transaction is open any more that wrote while it was not: noted first, done in a later call.
 * Each minute is made anew from its spans: however often this is called, the result is the same. Of several processes one
 * works. The client must not be in a transaction. `signal` ends it after the transaction in hand.
 */
export async function rollUp(client: ClientBase, signal?: AbortSignal): Promise<RolledUp> {
  let [closed, again] = [0, 0];
  for (let step = 0; step < STEPS_MAX && signal?.aborted !== true; step++) {
    const minutes = await inTurn(client, closeNext);
    closed += minutes;
    if (minutes === 0) break;
  }
  for (let step = 0; step < STEPS_MAX && signal?.aborted !== true; step++) {
    const minutes = await inTurn(client, sumUpDue);
    again += minutes;
    if (minutes < MINUTES_MAX) break;
  }
  return { closed, again };
}

/** A transaction of whoever has the lock; 0 where somebody else does. */
async function inTurn(client: ClientBase, work: (client: ClientBase) => Promise<number>): Promise<number> {
  await client.query("BEGIN");
  try {
    const { rows } = await client.query<{ got: boolean }>(`SELECT pg_try_advisory_xact_lock(${LOCK}) AS got`);
    const done = rows[0]?.got ? await work(client) : 0;
    await client.query("COMMIT");
    return done;
  } catch (fault) {
    await client.query("ROLLBACK").catch(() => undefined);
    throw fault;
  }
}

interface State {
  readonly closed: Date;
  readonly closing: Date;
  /** No transaction is open any more that was when `closing` was noted. */
  readonly is_quiet: boolean;
}

async function closeNext(client: ClientBase): Promise<number> {
  const slices = await sliceBounds(client);
  const oldest = slices[0];
  if (oldest === undefined) return 0;
  const { rows } = await client.query<State>(
    `SELECT closed_through AS closed, closing_through AS closing,
            pg_snapshot_xmin(pg_current_snapshot()) >= closing_xid AS is_quiet FROM trail_private.rollup_state`,
  );
  const state = rows[0];
  if (state !== undefined && state.closing > state.closed) {
    if (!state.is_quiet) return 0;
    // What retention has taken meanwhile is not there to be summed up.
    const fromMs = Math.max(state.closed.getTime(), oldest.fromMs);
    const toMs = Math.min(state.closing.getTime(), fromMs + MINUTES_MAX * MINUTE_MS);
    await sumUp(client, fromMs, toMs);
    await client.query("UPDATE trail_private.rollup_state SET closed_through = $1", [new Date(toMs)]);
    return Math.max(1, Math.round((toMs - fromMs) / MINUTE_MS));
  }
  // statement_timestamp() lies before the snapshot: who wrote before it has a number below the snapshot's end.
  await client.query(
    `INSERT INTO trail_private.rollup_state AS s (closed_through, closing_through, closing_xid)
     VALUES ($1, trail_private.closed_before(statement_timestamp()), pg_snapshot_xmax(pg_current_snapshot()))
     ON CONFLICT (is_only) DO UPDATE SET closing_through = EXCLUDED.closing_through, closing_xid = EXCLUDED.closing_xid
     WHERE EXCLUDED.closing_through > s.closing_through`,
    [new Date(oldest.fromMs)],
  );
  return 0;
}

async function sumUpDue(client: ClientBase): Promise<number> {
  // Taken first: what is said of the same minute from here on stays for the next time.
  const { rows } = await client.query<{ minute: Date }>(
    `WITH taken AS (
       DELETE FROM trail_private.rollups_due WHERE minute IN (
         SELECT DISTINCT d.minute FROM trail_private.rollups_due d
         WHERE d.minute < (SELECT closed_through FROM trail_private.rollup_state) ORDER BY 1 LIMIT ${MINUTES_MAX})
       RETURNING minute)
     SELECT DISTINCT minute FROM taken ORDER BY 1`,
  );
  const slices = await sliceBounds(client);
  for (const { minute } of rows) {
    const ms = minute.getTime();
    const isInSlice = slices.some(({ fromMs, toMs }) => fromMs <= ms && ms < toMs);
    if (isInSlice) await sumUp(client, ms, ms + MINUTE_MS);
  }
  return rows.length;
}

async function sumUp(client: ClientBase, fromMs: number, toMs: number): Promise<void> {
  const stretch = [new Date(fromMs), new Date(toMs)];
  await client.query("DELETE FROM trail_private.rollups WHERE minute >= $1 AND minute < $2", stretch);
  await client.query("INSERT INTO trail_private.rollups SELECT * FROM trail_private.sum_up($1, $2)", stretch);
}
