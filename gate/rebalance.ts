import { randomInt } from "node:crypto";
import type { Child } from "../dev/child.ts";
import type { Runnable, RunOptions } from "../dev/contract.ts";
import { waitUntil } from "../dev/wait.ts";
import { runLoad } from "./support/load-run.ts";
import { withServices } from "./support/services.ts";

const INDEXERS_MAX = 6;

/** Indexers come and go under load, some politely and some not: partitions change hands in the middle of writes. */
async function run({ short, progress, table }: RunOptions) {
  const [spans, changes] = short ? [60_000, 6] : [1_000_000, 50];
  const result = await withServices(progress, () =>
    runLoad({ spans, recordsPerSecond: 40 }, async ({ indexers, stored }) => {
      for (let change = 1; change <= changes; change++) {
        const due = (spans * change) / (changes + 2);
        await waitUntil(`${due} spans being stored`, async () => ((await stored()) ?? 0) >= due, {
          timeoutMs: 180_000,
        });
        const { running } = indexers;
        const isJoining = running.length === 1 || (running.length < INDEXERS_MAX && randomInt(2) === 0);
        if (isJoining) await indexers.start();
        else await indexers.leave(running[randomInt(running.length)] as Child);
        progress(`change ${change} of ${changes}: ${indexers.running.length} indexers`);
      }
    }),
  );
  table([{ changes, ...result }]);
  const passed = result.lost === 0 && result.doubled === 0 && result.corrupt === 0;
  return { passed, figures: { spans, changes, ...result } };
}

export const gate: Runnable = {
  name: "rebalance",
  summary: "indexers come and go under load: nothing lost, doubled or corrupt",
  run,
};
