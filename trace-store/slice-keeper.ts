import type { Client } from "pg";
import type { Config } from "./config.ts";
import type { Log } from "./log.ts";
import { withClient } from "./postgres-client.ts";
import { forgetOld } from "./schema/forget.ts";
import { rollUp } from "./schema/rollups.ts";
import { dropExpiredSlices, ensureSlices } from "./schema/slices.ts";
import { uniteHeldMarks } from "./write/ledger.ts";

/** Of its connections, in pg_stat_activity. */
const NAME = "kafka-trail slices";
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Slices reach this far ahead: a night in which nobody could make any. */
const AHEAD_MS = DAY_MS / 2;
const FORGET_EVERY_MS = 3_600_000;

/** Keeps slices of time ahead of the spans and drops those behind, by a timer: never because of what a span says. */
export interface SliceKeeper {
  /** Why slices are not kept, in words; `undefined` while all is well. */
  problem(): string | undefined;
  stop(): Promise<void>;
}

/** Makes the first slices before it resolves, then looks once a minute; after each look it sums up and tidies behind. */
export async function startSliceKeeper(
  config: Config & { databaseUrl: string },
  log: Log,
): Promise<SliceKeeper> {
  const stopping = new AbortController();
  let problem: string | undefined;
  const turn = async (): Promise<void> => {
    try {
      await withClient(config.databaseUrl, NAME, (client) => keepSlices(client, config, log));
      problem = undefined;
    } catch (error) {
      problem = `slices of time could not be made or dropped: ${messageOf(error)}`;
      log.error(problem);
    }
  };
  await turn();
  const tidy = createTidying(config, log, stopping.signal);
  // Beside: a store that was down for a day starts at once, though a day waits to be summed up.
  let isBusy = true;
  const after = (work: Promise<void>) => work.finally(() => (isBusy = false));
  let current = after(tidy());
  const timer = setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    current = after(turn().then(tidy));
  }, MINUTE_MS);
  return {
    problem: () => problem,
    async stop() {
      clearInterval(timer);
      stopping.abort();
      await current;
    },
  };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function keepSlices(client: Client, config: Config, log: Log): Promise<void> {
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
}

/** What nobody waits for: without it answers are slower and tables longer, and nothing is wrong. */
function createTidying(
  config: Config & { databaseUrl: string },
  log: Log,
  signal: AbortSignal,
): () => Promise<void> {
  const times = { retentionMs: config.retentionDays * DAY_MS, sliceMs: config.sliceMinutes * MINUTE_MS };
  let forgottenAtMs = 0;
  return async () => {
    if (signal.aborted) return;
    try {
      await withClient(config.databaseUrl, NAME, async (client) => {
        await rollUp(client, signal);
        if (Date.now() - forgottenAtMs < FORGET_EVERY_MS || signal.aborted) return;
        forgottenAtMs = Date.now();
        const { ledgerBlocks, names } = await forgetOld(client, { now: new Date(), ...times });
        if (ledgerBlocks + names > 0)
          log.info({ ledgerBlocks, names }, "forgot what no span tells of any more");
      });
    } catch (error) {
      log.warn(
        { error: messageOf(error) },
        "minutes could not be summed up, or old names not dropped; tried again in a minute",
      );
    }
  };
}
