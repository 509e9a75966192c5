import type { Freshness } from "./answers.ts";

/**
 * Milliseconds since the broker was last looked at, where all that the span topic held then is stored: it is that look which
 * is old, and not the indexer which is behind. `undefined` where the indexer is, or nobody can tell.
 */
export function sinceLastLookMs({
  indexedThrough,
  indexerDelayMs,
  watchers,
}: Pick<Freshness, "indexedThrough" | "indexerDelayMs" | "watchers">): number | undefined {
  if (indexedThrough === null || indexerDelayMs === null) return undefined;
  return watchers.some(({ sweptAt }) => sweptAt === indexedThrough) ? indexerDelayMs : undefined;
}
