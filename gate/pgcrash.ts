import type { Runnable, RunOptions } from "../dev/contract.ts";
import { waitUntil } from "../dev/wait.ts";
import { runLoad } from "./support/load-run.ts";
import { withOwnPostgres } from "./support/services.ts";

/** Crashes Postgres under load, again and again: commits whose answer never came must be neither lost nor doubled. */
async function run({ short, progress, table }: RunOptions) {
  const [spans, crashes] = short ? [60_000, 3] : [500_000, 10];
  const result = await withOwnPostgres(progress, (postgres) =>
    runLoad({ spans, recordsPerSecond: 40, twiceShare: 0.02 }, async ({ stored }) => {
      for (let crash = 1; crash <= crashes; crash++) {
        const due = (spans * crash) / (crashes + 1);
        await waitUntil(`${due} spans being stored`, async () => ((await stored()) ?? 0) >= due, {
          timeoutMs: 180_000,
        });
        await postgres.kill();
        await postgres.restart();
        progress(`crash ${crash} of ${crashes}`);
      }
    }),
  );
  table([{ crashes, ...result }]);
  const passed = result.lost === 0 && result.doubled === 0 && result.corrupt === 0;
  return { passed, figures: { spans, crashes, ...result } };
}

export const gate: Runnable = {
  name: "pgcrash",
  summary: "Postgres crashes under load: nothing lost, doubled or corrupt",
  run,
};
