import { randomInt } from "node:crypto";
import type { Pool } from "pg";
import type { Child } from "../../dev/child.ts";

/** The moments at which a disturbance is worth most. */
export type Moment = "in the middle of a write" | "in the middle of a COPY" | "right after a commit";

const SEEN: Readonly<Record<Moment, string>> = {
  "in the middle of a write": "xact_start IS NOT NULL",
  "in the middle of a COPY": "xact_start IS NOT NULL AND query LIKE 'COPY %'",
  // The writer's next step comes within milliseconds: whoever looks later sees another statement, or an idle writer.
  "right after a commit":
    "state = 'idle' AND query = 'COMMIT' AND clock_timestamp() - state_change < interval '100 ms'",
};

const LOOK_EVERY_MS = 5;

/**
 * Stops one of the indexers (SIGSTOP) at that moment, as nobody can act between two looks otherwise.
 *
 * After `withinMs` whoever is looked at is taken, `isCaught` being false.
 */
export async function catchAt(
  moment: Moment,
  pool: Pool,
  running: readonly Child[],
  withinMs = 3_000,
): Promise<{ child: Child; isCaught: boolean }> {
  const first = running[randomInt(running.length)] as Child;
  const deadline = Date.now() + withinMs;
  for (let child = first; ; child = running[(running.indexOf(child) + 1) % running.length] as Child) {
    child.signal("SIGSTOP");
    const { rowCount } = await pool.query(
      `SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE $1 AND ${SEEN[moment]}`,
      [`kafka-trail writer ${child.pid}/%`],
    );
    const isCaught = (rowCount ?? 0) > 0;
    if (isCaught || Date.now() > deadline) return { child, isCaught };
    child.signal("SIGCONT");
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
