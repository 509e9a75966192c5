import type { Runnable, RunOptions } from "../dev/contract.ts";
import { runLoad } from "./support/load-run.ts";
import { withServices } from "./support/services.ts";

const BUDGET_MIB = 256;
/** Five times a live rate of 10,000 spans/s. */
const DRAINED_PER_SECOND_MIN = 50_000;

/** Millions of spans wait when the indexer starts: it takes them at its own pace, in bounded memory. */
async function run({ short, args, progress, table }: RunOptions) {
  const spans = Number(args["spans"] ?? (short ? 200_000 : 5_000_000));
  progress(`sending ${spans} spans before anybody reads`);
  const result = await withServices(progress, () =>
    runLoad({ spans, recordsPerSecond: 100_000, indexers: 1, isLive: false }, async () =>
      progress("draining"),
    ),
  );
  const drainedPerSecond = Math.round(spans / result.seconds);
  table([{ spans, drainedPerSecond, ...result }]);
  const isWhole = result.lost === 0 && result.doubled === 0 && result.corrupt === 0;
  // A short run is all start-up: its rate says nothing.
  const passed =
    isWhole && result.peakMib <= BUDGET_MIB && (short || drainedPerSecond >= DRAINED_PER_SECOND_MIN);
  return {
    passed,
    figures: {
      spans,
      drainedPerSecond,
      drainedPerSecondMin: DRAINED_PER_SECOND_MIN,
      budgetMib: BUDGET_MIB,
      ...result,
    },
  };
}

export const gate: Runnable = {
  name: "backlog",
  summary:
    "millions of spans wait: memory within budget all the way, drained five times faster than they came",
  run,
};
