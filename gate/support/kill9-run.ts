import { randomInt } from "node:crypto";
import type { Pool } from "pg";
import type { Child } from "../../dev/child.ts";
import { waitUntil } from "../../dev/wait.ts";
import { runLoad, type LoadRunOptions, type LoadRunResult } from "./load-run.ts";

/** One run: so many spans through the topic, and so many kills meanwhile. */
export interface Kill9Options extends LoadRunOptions {
  readonly kills: number;
  progress(line: string): void;
}

export interface Kill9Result extends LoadRunResult {
  readonly kills: number;
  /** Kills that hit an indexer in the middle of a write: its spans had to be read again. */
  readonly replays: number;
}

/** Sends a load, kills indexers in the middle of writes until all is stored, and says what is wrong with the rows. */
export async function runKill9(options: Kill9Options): Promise<Kill9Result> {
  let replays = 0;
  const result = await runLoad(options, async ({ database, indexers, spans, stored }) => {
    for (let kill = 1; kill <= options.kills; kill++) {
      const due = (spans * kill) / (options.kills + 1);
      await waitUntil(`${due} spans being stored`, async () => ((await stored()) ?? 0) >= due, {
        timeoutMs: 120_000,
        intervalMs: 20,
      });
      const victim = await catchWriting(database.pool, indexers.running);
      await indexers.kill(victim.child);
      replays += victim.isWriting ? 1 : 0;
      options.progress(
        `kill ${kill} of ${options.kills}${victim.isWriting ? ", in the middle of a write" : ""}`,
      );
      await indexers.start();
    }
  });
  return { ...result, kills: options.kills, replays };
}

/** Stops an indexer while its transaction is open, as nobody can kill it between two looks otherwise. */
async function catchWriting(
  pool: Pool,
  running: readonly Child[],
): Promise<{ child: Child; isWriting: boolean }> {
  const first = running[randomInt(running.length)] as Child;
  const deadline = Date.now() + 3_000;
  for (let child = first; ; child = running[(running.indexOf(child) + 1) % running.length] as Child) {
    child.signal("SIGSTOP");
    const { rowCount } = await pool.query(
      "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE $1 AND xact_start IS NOT NULL",
      [`kafka-trail writer ${child.pid}/%`],
    );
    const isWriting = (rowCount ?? 0) > 0;
    if (isWriting || Date.now() > deadline) return { child, isWriting };
    child.signal("SIGCONT");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
