import { randomInt } from "node:crypto";
import type { Pool } from "pg";
import type { Child } from "../../dev/child.ts";
import { runLoad, type LoadRunOptions, type LoadRunResult } from "./load-run.ts";

/** One run: so many spans through the topic, and so many kills meanwhile. */
export interface Kill9Options extends LoadRunOptions {
  readonly kills: number;
  /** Every how manieth kill comes right after a COMMIT, the others in the middle of a write. Default 5. */
  readonly afterCommitEvery?: number;
  progress(line: string): void;
}

export interface Kill9Result extends LoadRunResult {
  readonly kills: number;
  /** Kills that hit an indexer in the middle of a write: its spans had to be read again. */
  readonly replays: number;
  /** Kills that hit an indexer right after a COMMIT, before it could act on the answer. */
  readonly afterCommit: number;
}

const STANDSTILL_MS = 20_000;

/** The moments at which a kill is worth most. */
type Moment = "in the middle of a write" | "right after a commit";

/** Sends a load, kills indexers at their worst moments until all is stored, and says what is wrong with the rows. */
export async function runKill9(options: Kill9Options): Promise<Kill9Result> {
  const hits: Record<Moment, number> = { "in the middle of a write": 0, "right after a commit": 0 };
  const result = await runLoad(options, async ({ database, indexers, spans, stored }) => {
    for (let kill = 1; kill <= options.kills; kill++) {
      const due = (spans * kill) / (options.kills + 1);
      if (!(await reach(due, stored))) {
        options.progress(`nothing moves any more before kill ${kill}`);
        break;
      }
      const moment: Moment =
        kill % (options.afterCommitEvery ?? 5) === 0 ? "right after a commit" : "in the middle of a write";
      const victim = await catchAt(moment, database.pool, indexers.running);
      await indexers.kill(victim.child);
      if (victim.isCaught) hits[moment]++;
      options.progress(`kill ${kill} of ${options.kills}${victim.isCaught ? `, ${moment}` : ""}`);
      await indexers.start();
    }
  });
  return {
    ...result,
    kills: options.kills,
    replays: hits["in the middle of a write"],
    afterCommit: hits["right after a commit"],
  };
}

/** Waits until so many spans are stored; false when nothing moves, as in a store that lost some. */
async function reach(due: number, stored: () => Promise<number | undefined>): Promise<boolean> {
  let [seen, movedAt] = [-1, Date.now()];
  while (seen < due && Date.now() - movedAt < STANDSTILL_MS) {
    const now = (await stored()) ?? seen;
    if (now !== seen) [seen, movedAt] = [now, Date.now()];
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return seen >= due;
}

const SEEN: Readonly<Record<Moment, string>> = {
  "in the middle of a write": "xact_start IS NOT NULL",
  // The writer's next step comes within milliseconds: whoever looks later sees another statement, or an idle writer.
  "right after a commit":
    "state = 'idle' AND query = 'COMMIT' AND clock_timestamp() - state_change < interval '100 ms'",
};

/** Stops an indexer at that moment, as nobody can kill it between two looks otherwise. */
async function catchAt(
  moment: Moment,
  pool: Pool,
  running: readonly Child[],
): Promise<{ child: Child; isCaught: boolean }> {
  const first = running[randomInt(running.length)] as Child;
  const deadline = Date.now() + 3_000;
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
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
