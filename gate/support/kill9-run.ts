import { runLoad, type LoadRunOptions, type LoadRunResult } from "./load-run.ts";
import { catchAt, type Moment } from "./moments.ts";
import { reach } from "./reach.ts";

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

/** Sends a load, kills indexers at their worst moments until all is stored, and says what is wrong with the rows. */
export async function runKill9(options: Kill9Options): Promise<Kill9Result> {
  const hits: Partial<Record<Moment, number>> = {};
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
      if (victim.isCaught) hits[moment] = (hits[moment] ?? 0) + 1;
      options.progress(`kill ${kill} of ${options.kills}${victim.isCaught ? `, ${moment}` : ""}`);
      await indexers.start();
    }
  });
  return {
    ...result,
    kills: options.kills,
    replays: hits["in the middle of a write"] ?? 0,
    afterCommit: hits["right after a commit"] ?? 0,
  };
}
