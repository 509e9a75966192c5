import { Client } from "pg";
import type { Config } from "./config.ts";
import type { Log } from "./log.ts";
import { dropExpiredSlices, ensureSlices } from "./schema/slices.ts";
import { uniteHeldMarks } from "./write/ledger.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Slices reach this far ahead: a night in which nobody could make any. */
const AHEAD_MS = DAY_MS / 2;

/** Keeps slices of time ahead of the spans and drops those behind, by a timer: never because of what a span says. */
export interface SliceKeeper {
  /** Why slices are not kept, in words; `undefined` while all is well. */
  problem(): string | undefined;
  stop(): Promise<void>;
}

/** Makes the first slices before it resolves, then looks once a minute. */
export async function startSliceKeeper(
  config: Config & { databaseUrl: string },
  log: Log,
): Promise<SliceKeeper> {
  let problem: string | undefined;
  const turn = async (): Promise<void> => {
    try {
      await keepSlices(config, log);
      problem = undefined;
    } catch (error) {
      problem = `slices of time could not be made or dropped: ${error instanceof Error ? error.message : String(error)}`;
      log.error(problem);
    }
  };
  let current = turn();
  await current;
  const timer = setInterval(() => {
    current = current.then(turn);
  }, MINUTE_MS);
  return {
    problem: () => problem,
    async stop() {
      clearInterval(timer);
      await current;
    },
  };
}

async function keepSlices(config: Config & { databaseUrl: string }, log: Log): Promise<void> {
  const client = new Client({ connectionString: config.databaseUrl, application_name: "kafka-trail slices" });
  await client.connect();
  try {
    const now = new Date();
    const retentionMs = config.retentionDays * DAY_MS;
    const sliceMs = config.sliceMinutes * MINUTE_MS;
    const made = await ensureSlices(client, {
      now,
      sliceMs,
      aheadMs: Math.max(AHEAD_MS, 2 * sliceMs),
      retentionMs,
    });
    const { dropped, oddSpans } = await dropExpiredSlices(client, { now, retentionMs });
    if (made.length > 0) log.info({ slices: made.length }, "made slices of time");
    if (dropped.length + oddSpans > 0)
      log.info({ tables: dropped.length, oddSpans }, "dropped what is past retention");
    // Of an indexer that is gone: the next write unites them too, but there may be none for long.
    await uniteHeldMarks(client);
  } finally {
    await client.end();
  }
}
