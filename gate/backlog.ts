import type { Runnable, RunOptions } from "../dev/contract.ts";
import { STORE_SETTINGS } from "../dev/postgres.ts";
import { waitUntil } from "../dev/wait.ts";
import {
  isWhole,
  runLoad,
  type LoadRun,
  type LoadRunOptions,
  type LoadRunResult,
} from "./support/load-run.ts";
import { residentMib } from "./support/resident-memory.ts";
import { withServices } from "./support/services.ts";
import { runTrials } from "./support/trials.ts";
import { ENDLESS_BUFFER } from "./support/write-mutants.ts";

const BUDGET_MIB = 256;
/** Five times a live rate of 10,000 spans/s. */
const DRAINED_PER_SECOND_MIN = 50_000;
/** Postgres takes nothing for so long: in a store that buffers without end, all that waits is in memory by then. */
const STANDSTILL_MS = 20_000;

interface Drained extends LoadRunResult {
  readonly spans: number;
  readonly drainedPerSecond: number;
}

async function drain(
  load: Pick<LoadRunOptions, "spans" | "mutant">,
  disturb: (run: LoadRun) => Promise<void>,
): Promise<Drained> {
  const result = await runLoad({ ...load, recordsPerSecond: 100_000, indexers: 1, isLive: false }, disturb);
  return { ...result, spans: load.spans, drainedPerSecond: Math.round(load.spans / result.seconds) };
}

/** Postgres answers, and takes no spans. */
async function standStill({ database, indexers, stored }: LoadRun): Promise<void> {
  await waitUntil("the first spans being stored", async () => ((await stored()) ?? 0) > 0, {
    timeoutMs: 60_000,
  });
  const client = await database.pool.connect();
  try {
    await client.query("BEGIN");
    await client.query("LOCK TABLE trail_private.spans IN SHARE ROW EXCLUSIVE MODE");
    const isFull = () => indexers.running.some(({ pid }) => residentMib(pid) > BUDGET_MIB);
    await waitUntil("memory beyond the budget", isFull, { timeoutMs: STANDSTILL_MS }).catch(() => undefined);
    await client.query("COMMIT");
  } finally {
    client.release();
  }
}

/** Millions of spans wait when the indexer starts: it takes them at its own pace, in bounded memory. */
async function run({ short, progress, table, args }: RunOptions) {
  const spans = Number(args["spans"] ?? (short ? 200_000 : 5_000_000));
  const small = 400_000;
  const isBounded = (it: Drained) => isWhole(it) && it.peakMib <= BUDGET_MIB;
  const whole = {
    name: `${spans} spans wait`,
    // A short run is all start-up: its rate says nothing.
    expected: (it: Drained) => isBounded(it) && (short || it.drainedPerSecond >= DRAINED_PER_SECOND_MIN),
    run: () => drain({ spans }, async () => progress("draining")),
  };
  const others = [
    { name: "Postgres takes nothing", expected: isBounded, run: () => drain({ spans: small }, standStill) },
    {
      name: `mutant: ${ENDLESS_BUFFER.name}`,
      expected: (it: Drained) => it.peakMib > BUDGET_MIB,
      verdict: "seen" as const,
      run: () => drain({ spans: small, mutant: ENDLESS_BUFFER }, standStill),
    },
  ];
  const trials = short ? [whole] : [whole, ...others];
  return withServices(progress, () => runTrials(trials, { progress, table, args }), STORE_SETTINGS);
}

export const gate: Runnable = {
  name: "backlog",
  summary:
    "millions of spans wait: memory within budget all the way, drained five times faster than they came",
  options: { spans: "count", only: "text" },
  run,
};
