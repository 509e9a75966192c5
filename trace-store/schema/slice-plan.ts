/** A stretch of time that one slice of every sliced table covers: from inclusive, to exclusive, milliseconds since 1970. */
export interface SliceBounds {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * Says which slices are missing, in order of time and without overlap.
 *
 * They stand on multiples of `sliceMs`, cut where slices of another length lie already. `wantedMs` are the starts of
 * further intervals; those before retention are ignored.
 */
export function planSlices(
  existing: readonly SliceBounds[],
  times: {
    readonly now: Date;
    readonly sliceMs: number;
    readonly aheadMs: number;
    readonly retentionMs: number;
  },
  wantedMs: readonly number[] = [],
): SliceBounds[] {
  const { sliceMs } = times;
  const nowMs = times.now.getTime();
  const floor = (ms: number): number => Math.floor(ms / sliceMs) * sliceMs;
  const oldestMs = floor(nowMs - times.retentionMs);
  // From the end of the newest that covers the past, so that an indexer that was away for a day leaves no hole behind it.
  const newestPastMs = existing.reduce(
    (newest, { fromMs, toMs }) => (fromMs <= nowMs ? Math.max(newest, toMs) : newest),
    0,
  );
  const firstMs = Math.max(
    oldestMs,
    newestPastMs === 0 ? floor(nowMs) - sliceMs : floor(Math.min(newestPastMs, nowMs)),
  );

  const starts = new Set(wantedMs.map(floor).filter((ms) => ms >= oldestMs));
  for (let ms = firstMs; ms <= nowMs + times.aheadMs; ms += sliceMs) starts.add(ms);
  return [...starts]
    .toSorted((a, b) => a - b)
    .flatMap((fromMs) => subtract({ fromMs, toMs: fromMs + sliceMs }, existing));
}

/** What of `wanted` none of `existing` covers. */
function subtract(wanted: SliceBounds, existing: readonly SliceBounds[]): SliceBounds[] {
  return existing.reduce<SliceBounds[]>(
    (left, taken) =>
      left.flatMap(({ fromMs, toMs }) => {
        if (taken.toMs <= fromMs || taken.fromMs >= toMs) return [{ fromMs, toMs }];
        return [
          { fromMs, toMs: taken.fromMs },
          { fromMs: taken.toMs, toMs },
        ].filter((it) => it.fromMs < it.toMs);
      }),
    [wanted],
  );
}
