import type { ClientBase } from "pg";

const MINUTE_MS = 60_000;
/**
 * Postgres decides by its own clock whether a minute is closed, which it is three minutes after its end; ours only decides
 * whether to ask. So the clocks may differ by three minutes.
 */
const ASK_AFTER_MS = 60_000;

/** The minute in which a span starts, counted from 1970. */
export const minuteOf = (startMs: number): number => Math.floor(startMs / MINUTE_MS);

/**
 * Says, in the caller's transaction and behind its spans, which of their `minutes` are closed: to be summed up again.
 *
 * Of spans that come as they happen nothing is asked.
 */
export async function noteLateSpans(client: ClientBase, minutes: ReadonlySet<number>): Promise<void> {
  const before = minuteOf(Date.now() - ASK_AFTER_MS);
  const late = [...minutes].filter((minute) => minute <= before);
  if (late.length === 0) return;
  await client.query(
    `INSERT INTO trail_private.rollups_due (minute)
     SELECT to_timestamp(m * 60) FROM unnest($1::bigint[]) AS m
     WHERE to_timestamp(m * 60) < trail_private.closed_before(clock_timestamp())`,
    [late.map(String)],
  );
}
