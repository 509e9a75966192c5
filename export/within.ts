import { warn } from "../trace-context/index.ts";

/** Waits for `work`, but no longer than `timeoutMs`, and takes its failure for an answer. Never rejects. */
export async function within(timeoutMs: number, work: () => Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
    timer.unref();
  });
  await Promise.race([work().catch((error: unknown) => warn("the exporter failed.", error)), late]);
  clearTimeout(timer);
}
