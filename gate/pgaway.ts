import { setTimeout as pause } from "node:timers/promises";
import type { Runnable, RunOptions } from "../dev/contract.ts";
import { waitUntil } from "../dev/wait.ts";
import { runLoad } from "./support/load-run.ts";
import { withOwnPostgres } from "./support/services.ts";

const BUDGET_MIB = 256;
const SPANS_PER_SECOND = 2_000;
/** Caught up within this for each minute away. */
const CATCH_UP_S_PER_MINUTE = 15;

/** Postgres is gone for minutes while spans keep coming: they wait in Kafka, not in memory, and all come in afterwards. */
async function run({ short, progress, table }: RunOptions) {
  const awayS = short ? 20 : 600;
  const spans = SPANS_PER_SECOND * (awayS + 20);
  let caughtUpS = Number.NaN;
  const result = await withOwnPostgres(progress, (postgres) =>
    runLoad({ spans, recordsPerSecond: SPANS_PER_SECOND / 250 }, async ({ sent, stored }) => {
      await waitUntil("the first spans being stored", async () => ((await stored()) ?? 0) > 0, {
        timeoutMs: 60_000,
      });
      await postgres.kill();
      for (let left = awayS; left > 0; left -= 10) {
        progress(`Postgres is gone, for ${left} s more; ${sent()} spans sent`);
        await pause(Math.min(left, 10) * 1_000);
      }
      await postgres.restart();
      const [backAt, waiting] = [performance.now(), sent()];
      await waitUntil("what had waited being stored", async () => ((await stored()) ?? 0) >= waiting, {
        timeoutMs: 600_000,
      });
      caughtUpS = Math.round((performance.now() - backAt) / 100) / 10;
    }),
  );
  const allowedS = Math.max(10, (awayS / 60) * CATCH_UP_S_PER_MINUTE);
  table([{ awayS, caughtUpS, allowedS, ...result }]);
  const isWhole = result.lost === 0 && result.doubled === 0 && result.corrupt === 0;
  const passed = isWhole && result.peakMib <= BUDGET_MIB && caughtUpS <= allowedS;
  return { passed, figures: { spans, awayS, caughtUpS, allowedS, budgetMib: BUDGET_MIB, ...result } };
}

export const gate: Runnable = {
  name: "pgaway",
  summary: "Postgres is gone for ten minutes: memory within budget, nothing lost, soon caught up",
  run,
};
