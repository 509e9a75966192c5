import type { Runnable, RunOptions } from "../dev/contract.ts";
import { waitUntil } from "../dev/wait.ts";
import type { OwnPostgres } from "../dev/postgres.ts";
import {
  isWhole,
  runLoad,
  type LoadRun,
  type LoadRunOptions,
  type LoadRunResult,
} from "./support/load-run.ts";
import { catchAt } from "./support/moments.ts";
import { withOwnPostgres } from "./support/services.ts";
import { disturbInSteps } from "./support/steps.ts";
import { runTrials } from "./support/trials.ts";
import { COMMIT_BEFORE_WRITE, COMMIT_WITHOUT_FENCE } from "./support/write-mutants.ts";

interface Crashes extends LoadRunResult {
  readonly crashes: number;
  /** Crashes while an indexer was in the middle of writing spans. */
  readonly inWrite: number;
  /** Crashes between a commit and the answer to it. */
  readonly unanswered: number;
}

type CrashOptions = LoadRunOptions & { readonly crashes: number };

/** Crashes Postgres under load, again and again, every second time between a COMMIT and its answer. */
async function runCrashes(
  postgres: OwnPostgres,
  { crashes, ...load }: CrashOptions,
  progress: RunOptions["progress"],
): Promise<Crashes> {
  let [done, inWrite, unanswered] = [0, 0, 0];
  const result = await runLoad({ ...load, isInSteps: true }, async (run) => {
    done = await disturbInSteps(run, crashes, async (crash) => {
      const isInWrite = crash % 2 === 1;
      const isCaught = isInWrite ? await crashInWrite(postgres, run) : await crashUnanswered(postgres, run);
      if (isCaught && isInWrite) inWrite += 1;
      if (isCaught && !isInWrite) unanswered += 1;
      const when = isInWrite ? "in the middle of a COPY" : "between a commit and its answer";
      progress(`crash ${crash} of ${crashes}${isCaught ? `, ${when}` : ""}`);
    });
  });
  return { ...result, crashes: done, inWrite, unanswered };
}

async function crashInWrite(postgres: OwnPostgres, { database, indexers }: LoadRun): Promise<boolean> {
  const { child, isCaught } = await catchAt(
    "in the middle of a COPY",
    database.pool,
    indexers.running,
    15_000,
  );
  await postgres.kill();
  child.signal("SIGCONT");
  await postgres.restart();
  return isCaught;
}

/** A commit that waits for a standby which does not exist is durable, and is never answered. */
async function crashUnanswered(postgres: OwnPostgres, { database }: LoadRun): Promise<boolean> {
  await database.pool.query("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
  await database.pool.query("SELECT pg_reload_conf()");
  const isWaiting = async () => {
    const { rowCount } = await database.pool.query(
      "SELECT FROM pg_stat_activity WHERE application_name LIKE 'kafka-trail writer %' AND wait_event = 'SyncRep'",
    );
    return (rowCount ?? 0) > 0;
  };
  const isCaught = await waitUntil("a commit without an answer", isWaiting, { timeoutMs: 30_000 }).catch(
    () => false,
  );
  // Only the file changes: the server that runs goes on waiting, the next one does not.
  await database.pool.query("ALTER SYSTEM RESET synchronous_standby_names");
  await postgres.kill();
  await postgres.restart();
  return isCaught;
}

/** Nothing lost, doubled or corrupt, and both kinds of crashes really hit. */
const holds = (it: Crashes): boolean => isWhole(it) && it.inWrite > 0 && it.unanswered > 0;

async function run({ short, progress, table, args }: RunOptions) {
  const size = short ? { spans: 40_000, crashes: 2 } : { spans: 500_000, crashes: 10 };
  const small = { spans: 40_000, crashes: 4, recordsPerSecond: 40 };
  return withOwnPostgres(progress, (postgres) => {
    const trial = (name: string, options: CrashOptions) => ({
      name,
      expected: holds,
      run: () => runCrashes(postgres, options, progress),
    });
    const fault = (name: string, expected: (it: Crashes) => boolean, options: CrashOptions) =>
      ({ ...trial(`mutant: ${name}`, options), expected, verdict: "seen" }) as const;
    const whole = trial("both walls", { ...size, recordsPerSecond: 40, twiceShare: 0.02 });
    const others = [
      trial("the fence alone", { ...small, hasUniqueKey: false }),
      fault("commit before write", (it) => it.lost > 0, { ...small, mutant: COMMIT_BEFORE_WRITE }),
      fault("commit after write without the fence", (it) => it.doubled > 0, {
        ...small,
        hasUniqueKey: false,
        mutant: COMMIT_WITHOUT_FENCE,
      }),
    ];
    return runTrials(short ? [whole] : [whole, ...others], { progress, table, args });
  });
}

export const gate: Runnable = {
  name: "pgcrash",
  summary: "Postgres crashes in the middle of writes and before it answers: nothing lost, doubled or corrupt",
  options: { only: "text" },
  run,
};
