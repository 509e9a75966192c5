import { Client } from "pg";
import type { Config } from "./config.ts";
import type { Log } from "./log.ts";
import { forgetOld } from "./schema/forget.ts";
import { rollUp } from "./schema/rollups.ts";
import { dropExpiredSlices, ensureSlices } from "./schema/slices.ts";
import { uniteHeldMarks } from "./write/ledger.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Slices reach this far ahead: a night in which nobody could make any. */
const AHEAD_MS = DAY_MS / 2;
const FORGET_EVERY_MS = 3_600_000;

/**
 * Keeps slices of time ahead of the spans and drops those behind, sums up closed minutes, and forgets what belonged to
 * spans that are gone: by a timer, never because of what a span says.
 */
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
  let forgottenAtMs = 0;
  const turn = async (): Promise<void> => {
    try {
      const isForgetful = Date.now() - forgottenAtMs > FORGET_EVERY_MS;
      await keepSlices(config, log, isForgetful);
      if (isForgetful) forgottenAtMs = Date.now();
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

async function keepSlices(
  config: Config & { databaseUrl: string },
  log: Log,
  isForgetful: boolean,
): Promise<void> {
  const client = new Client({ connectionString: config.databaseUrl, application_name: "kafka-trail slices" });
  await client.connect();
  try {
    const now = new Date();
    const retentionMs = config.retentionDays * DAY_MS;
    const sliceMs = config.sliceMinutes * MINUTE_MS;
    const aheadMs = Math.max(AHEAD_MS, 2 * sliceMs);
    const made = await ensureSlices(client, { now, sliceMs, aheadMs, retentionMs });
    const { dropped, oddSpans } = await dropExpiredSlices(client, { now, retentionMs });
    if (made.length > 0) log.info({ slices: made.length }, "made slices of time");
    if (dropped.length + oddSpans > 0)
      log.info({ tables: dropped.length, oddSpans }, "dropped what is past retention");
    // Of an indexer that is gone: the next write unites them too, but there may be none for long.
    await uniteHeldMarks(client);
    await tidyUp(client, { now, retentionMs, sliceMs }, log, isForgetful);
  } finally {
    await client.end();
  }
}

/** What nobody waits for: without it answers are slower and tables longer, and nothing is wrong. */
async function tidyUp(
  client: Client,
  times: { readonly now: Date; readonly retentionMs: number; readonly sliceMs: number },
  log: Log,
  isForgetful: boolean,
): Promise<void> {
  try {
    await rollUp(client);
    if (!isForgetful) return;
    const { ledgerBlocks, names } = await forgetOld(client, times);
    if (ledgerBlocks + names > 0) log.info({ ledgerBlocks, names }, "forgot what no span tells of any more");
  } catch (error) {
    log.warn(
      { error: error instanceof Error ? error.message : String(error) },
      "minutes could not be summed up, or old names not dropped; tried again in a minute",
    );
  }
}
