import type { LoadRun } from "./load-run.ts";
import { reach } from "./reach.ts";

/**
 * Disturbs a load that `isInSteps` so many times, evenly over its spans; returns how often, fewer when nothing moves any
 * more.
 *
 * The sender stays one share of the load ahead of the disturbances: whatever was stored in one write with the last one,
 * there are spans on their way for the next one to meet.
 */
export async function disturbInSteps(
  run: LoadRun,
  times: number,
  disturb: (time: number) => Promise<void>,
): Promise<number> {
  const due = (time: number) => Math.ceil((run.spans * time) / (times + 1));
  for (let time = 1; time <= times; time++) {
    run.sendUpTo(due(time));
    if (!(await reach(due(time), run.stored))) return time - 1;
    run.sendUpTo(due(time + 1));
    await disturb(time);
  }
  return times;
}
