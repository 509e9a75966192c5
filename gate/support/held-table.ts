import type { Pool } from "pg";
import type { Child } from "../../dev/child.ts";
import { waitUntil } from "../../dev/wait.ts";

/** What a writer is kept waiting for: its spans' tables, or the offset that its source has reached. */
export type HeldTable = "spans" | "source_offsets";

const FOUND_WITHIN_MS = 30_000;

/**
 * Holds a table against writes until an indexer waits for it, and lets `kill` have that indexer.
 *
 * No luck is in it, unlike a look at what happens to be done: what the indexer did before is committed or in its open
 * transaction, and what it asked for is not done, then or after its death. Throws when none waits within 30 s.
 */
export async function killBehind(
  table: HeldTable,
  pool: Pool,
  running: readonly Child[],
  kill: (child: Child) => Promise<void>,
): Promise<void> {
  const holder = await pool.connect();
  try {
    await holder.query(`BEGIN; LOCK TABLE trail_private.${table} IN SHARE MODE`);
    const { rows } = await holder.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
    const find = () => findWaiting(pool, running, rows[0]?.pid);
    const timeoutMs = FOUND_WITHIN_MS;
    const { child, backend } = await waitUntil(`a writer waiting for ${table}`, find, { timeoutMs });
    await kill(child);
    // What Postgres has been asked for it would do for a client that is gone, too.
    await pool.query("SELECT pg_terminate_backend($1, 5000)", [backend]);
  } finally {
    await holder.query("ROLLBACK");
    holder.release();
  }
}

/** The indexer that waits for a connection, and the process in Postgres that waits for it. */
async function findWaiting(pool: Pool, running: readonly Child[], holder: number | undefined) {
  const { rows } = await pool.query<{ backend: number; name: string }>(
    `SELECT pid AS backend, application_name AS name FROM pg_stat_activity
      WHERE application_name LIKE 'kafka-trail writer %' AND $1 = ANY (pg_blocking_pids(pid))`,
    [holder],
  );
  for (const { backend, name } of rows) {
    const child = running.find(({ pid }) => name.startsWith(`kafka-trail writer ${pid}/`));
    if (child) return { child, backend };
  }
  return undefined;
}
