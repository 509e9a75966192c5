import { setTimeout as pause } from "node:timers/promises";
import type { Runnable, RunOptions } from "../dev/contract.ts";
import type { OwnPostgres } from "../dev/postgres.ts";
import { waitUntil } from "../dev/wait.ts";
import { isWhole, runLoad, type LoadRunOptions, type LoadRunResult } from "./support/load-run.ts";
import { catchAt } from "./support/moments.ts";
import { reach } from "./support/reach.ts";
import { withOwnPostgres } from "./support/services.ts";
import { runTrials } from "./support/trials.ts";
import { COMMIT_BEFORE_WRITE, ENDLESS_BUFFER } from "./support/write-mutants.ts";

const BUDGET_MIB = 256;
const SPANS_PER_SECOND = 2_000;
const SPANS_PER_RECORD = 250;
/** Caught up within this for each minute away ... */
const CATCH_UP_S_PER_MINUTE = 15;
/** ... and for less than a minute within the writer's longest pause between two tries. */
const CATCH_UP_S_MIN = 10;
/** The sender keeps its pace, or the run has not asked what it should. */
const PACE_MIN = 0.95;

interface Away extends LoadRunResult {
  readonly awayS: number;
  /** Of the sender, while Postgres was gone. */
  readonly spansPerSecond: number;
  readonly caughtUpS: number;
  readonly allowedS: number;
}

type AwayOptions = LoadRunOptions & { readonly awayS: number };

/** Takes Postgres away in the middle of a write, for so long, while spans keep coming. */
async function runAway(
  postgres: OwnPostgres,
  { awayS, ...load }: AwayOptions,
  progress: RunOptions["progress"],
): Promise<Away> {
  let [spansPerSecond, caughtUpS] = [0, Number.NaN];
  const result = await runLoad(load, async ({ database, indexers, sent, stored }) => {
    await waitUntil("the first spans being stored", async () => ((await stored()) ?? 0) > 0, {
      timeoutMs: 60_000,
    });
    const { child } = await catchAt("in the middle of a COPY", database.pool, indexers.running, 10_000);
    await postgres.kill();
    child.signal("SIGCONT");
    const [goneAt, sentBefore] = [performance.now(), sent()];
    for (let left = awayS; left > 0; left -= 10) {
      progress(`Postgres is gone, for ${left} s more; ${sent()} spans sent`);
      await pause(Math.min(left, 10) * 1_000);
    }
    spansPerSecond = Math.round((sent() - sentBefore) / ((performance.now() - goneAt) / 1_000));
    await postgres.restart();
    const [backAt, waiting] = [performance.now(), sent()];
    if (await reach(waiting, stored)) caughtUpS = Math.round((performance.now() - backAt) / 100) / 10;
  });
  const allowedS = Math.max(CATCH_UP_S_MIN, (awayS / 60) * CATCH_UP_S_PER_MINUTE);
  return { ...result, awayS, spansPerSecond, caughtUpS, allowedS };
}

const holds = (it: Away): boolean => isWhole(it) && it.peakMib <= BUDGET_MIB && it.caughtUpS <= it.allowedS;

/** Postgres is gone for minutes while spans keep coming: they wait in Kafka, not in memory, and all come in afterwards. */
async function run({ short, progress, table, args }: RunOptions) {
  const awayS = short ? 20 : 600;
  const recordsPerSecond = SPANS_PER_SECOND / SPANS_PER_RECORD;
  /** More than fits into memory, in less time: 400,000 spans are 700 MiB of rows. */
  const flood = { spans: 400_000, recordsPerSecond: 200, indexers: 1, awayS: 20 };
  return withOwnPostgres(progress, (postgres) => {
    const trial = (name: string, expected: (it: Away) => boolean, options: AwayOptions) => ({
      name,
      expected,
      run: () => runAway(postgres, options, progress),
    });
    const whole = trial(
      `${awayS} s at ${SPANS_PER_SECOND} spans/s`,
      (it) => holds(it) && it.spansPerSecond >= SPANS_PER_SECOND * PACE_MIN,
      { spans: SPANS_PER_SECOND * (awayS + 20), recordsPerSecond, awayS },
    );
    const others = [
      trial("a flood", (it) => isWhole(it) && it.peakMib <= BUDGET_MIB, flood),
      {
        ...trial("mutant: a buffer that is never full", (it) => it.peakMib > BUDGET_MIB, {
          ...flood,
          mutant: ENDLESS_BUFFER,
        }),
        verdict: "seen" as const,
      },
      {
        ...trial("mutant: commit before write", (it) => it.lost > 0, {
          spans: 40_000,
          recordsPerSecond: 20,
          awayS: 2,
          mutant: COMMIT_BEFORE_WRITE,
        }),
        verdict: "seen" as const,
      },
    ];
    return runTrials(short ? [whole] : [whole, ...others], { progress, table, args });
  });
}

export const gate: Runnable = {
  name: "pgaway",
  summary: "Postgres is gone for ten minutes: memory within budget, nothing lost, soon caught up",
  options: { only: "text" },
  run,
};
