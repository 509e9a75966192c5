import { killBehind, type HeldTable } from "./held-table.ts";
import { runLoad, type LoadRun, type LoadRunOptions, type LoadRunResult } from "./load-run.ts";
import { catchAt, type Moment } from "./moments.ts";
import { disturbInSteps } from "./steps.ts";

/** When an indexer is killed: at a moment that is looked for, or as it waits for a table that is held. */
export type KillMoment = Moment | { readonly waitingFor: HeldTable };

/** One run: so many spans through the topic, and so many kills meanwhile. */
export interface Kill9Options extends LoadRunOptions {
  readonly kills: number;
  /** Taken in turn. Default: four in the middle of a write, one right after a COMMIT. */
  readonly moments?: readonly KillMoment[];
  progress(line: string): void;
}

export interface Kill9Result extends LoadRunResult {
  readonly kills: number;
  /** Kills that hit an indexer in the middle of a write: its spans had to be read again. */
  readonly replays: number;
  /** Kills that hit an indexer right after a COMMIT, before it could act on the answer. */
  readonly afterCommit: number;
}

const MOMENTS: readonly KillMoment[] = [
  "in the middle of a write",
  "in the middle of a write",
  "in the middle of a write",
  "in the middle of a write",
  "right after a commit",
];

/** A write comes soon after spans are sent, but not while a group finds together again. */
const CAUGHT_WITHIN_MS = 15_000;

/** Sends a load, kills indexers at their worst moments until all is stored, and says what is wrong with the rows. */
export async function runKill9({ kills, moments = MOMENTS, ...options }: Kill9Options): Promise<Kill9Result> {
  const hits: Partial<Record<Moment, number>> = {};
  let done = 0;
  const result = await runLoad({ ...options, isInSteps: true }, async (run) => {
    done = await disturbInSteps(run, kills, async (kill) => {
      const met = await killAt(moments[(kill - 1) % moments.length] as KillMoment, run);
      if (met) hits[met] = (hits[met] ?? 0) + 1;
      options.progress(`kill ${kill} of ${kills}${met ? `, ${met}` : ""}`);
      await run.indexers.start();
    });
  });
  return {
    ...result,
    kills: done,
    replays: hits["in the middle of a write"] ?? 0,
    afterCommit: hits["right after a commit"] ?? 0,
  };
}

/** Returns the moment that was met. */
async function killAt(moment: KillMoment, { database, indexers }: LoadRun): Promise<Moment | undefined> {
  const { pool } = database;
  if (typeof moment !== "string") {
    await killBehind(moment.waitingFor, pool, indexers.running, (child) => indexers.kill(child));
    return moment.waitingFor === "spans" ? "in the middle of a write" : undefined;
  }
  const { child, isCaught } = await catchAt(moment, pool, indexers.running, CAUGHT_WITHIN_MS);
  await indexers.kill(child);
  return isCaught ? moment : undefined;
}
