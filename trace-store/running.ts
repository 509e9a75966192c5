import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import type { Log } from "./log.ts";

/** A part of the store that runs and can be stopped. */
export interface Running {
  /** What an operator calls it. */
  readonly name: string;
  stop(): Promise<void>;
}

/** Everything together: `docker stop` kills after ten seconds, and Kubernetes after thirty. */
const STOP_WITHIN_MS = 8_000;

/** Resolves at the first SIGINT or SIGTERM. The second one ends the process at once, with exit code 1. */
export async function untilSignal(log: Log): Promise<void> {
  const [signal] = (await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")])) as [string];
  log.info({ signal }, "stopping; what is in hand is written first");
  for (const again of ["SIGINT", "SIGTERM"] as const) process.once(again, () => process.exit(1));
}

/**
 * Stops all parts at once, for eight seconds at most, and says which it had to leave: kafkajs waits half a minute for the
 * answer of a broker that hangs. Never rejects.
 */
export async function stopAll(running: readonly Running[], log: Log): Promise<void> {
  const left = new Set(running);
  const stopped = running.map(async (it) => {
    try {
      await it.stop();
    } catch (err) {
      log.warn({ err, part: it.name }, "a part did not stop as it should");
    }
    left.delete(it);
  });
  const over = new AbortController();
  const late = pause(STOP_WITHIN_MS, undefined, { signal: over.signal }).catch(() => undefined);
  await Promise.race([Promise.all(stopped), late]);
  over.abort();
  if (left.size === 0) return;
  log.warn(
    { left: [...left].map(({ name }) => name) },
    `not everything stopped within ${STOP_WITHIN_MS / 1_000} s; ending without it. What is not stored is read or sent again`,
  );
}
