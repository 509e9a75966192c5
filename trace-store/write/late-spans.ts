import type { ClientBase } from "pg";
import { wholeMs } from "../span/nanoseconds.ts";
import type { SpanRow } from "../span/span-row.ts";

const MINUTE_MS = 60_000;
/**
 * Postgres decides by its own clock whether a minute is closed, which it is three minutes after its end; ours only decides
 * whether to ask. So the clocks may differ by three minutes.
 */
const ASK_AFTER_MS = 60_000;

/**
 * Says, in the caller's transaction and behind its spans, which closed minutes they belong to: to be summed up again.
 *
 * Of spans that come as they happen nothing is asked: a write of live spans costs one comparison a row.
 */
export async function noteLateSpans(client: ClientBase, rows: readonly SpanRow[]): Promise<void> {
  const beforeMs = Date.now() - ASK_AFTER_MS;
  const minutes = new Set<number>();
  for (const { startNs } of rows) {
    const startMs = wholeMs(startNs);
    if (startMs < beforeMs) minutes.add(Math.floor(startMs / MINUTE_MS));
  }
  if (minutes.size === 0) return;
  await client.query(
    `INSERT INTO trail_private.rollups_due (minute)
     SELECT to_timestamp(m * 60) FROM unnest($1::bigint[]) AS m
     WHERE to_timestamp(m * 60) < trail_private.closed_before(clock_timestamp())`,
    [[...minutes].map(String)],
  );
}
