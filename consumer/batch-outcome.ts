/** What is known of a batch handler's call once it is over. */
export interface BatchCall {
  /** Offsets of the batch's messages, ascending. */
  readonly offsets: readonly number[];
  /** How many of them the handler resolved by itself. */
  readonly resolved: number;
  readonly hasThrown: boolean;
  /** The client resolves the whole batch when the handler returns. */
  readonly isAutoResolved: boolean;
  /** The handler asked `isRunning` or `isStale` and was told to stop. */
  readonly wasToldToStop: boolean;
  /** The handler works message by message: it resolves each, or traces each. */
  readonly isEachByItself: boolean;
  /** Offsets that have a recorded span of their own, and whether it failed: evidence that is not given twice. */
  readonly ownSpans: ReadonlyMap<number, { readonly hasFailed: boolean }>;
}

/** A batch's offsets by what became of them. */
export interface BatchOutcome {
  readonly processed: readonly number[];
  readonly failed: readonly number[];
  readonly notReached: readonly number[];
  /** The last offset that counts as done, `undefined` where none does. */
  readonly resolvedTo: number | undefined;
  /** The offset that the client will ask for again, `undefined` where it is done with the batch. */
  readonly againFrom: number | undefined;
}

/** Returns how many of the unresolved messages failed by what the handler threw. */
function countFailures({ ownSpans, isEachByItself }: BatchCall, unresolved: number): number {
  for (const { hasFailed } of ownSpans.values()) if (hasFailed) return 0;
  return isEachByItself ? 1 : unresolved;
}

/**
 * Judges what became of a batch's messages, from what the handler resolved and how it ended.
 *
 * A handler that returns has processed the batch, unless it was told to stop: then only what it resolved counts, though
 * the client passes over the rest as well. One that throws has processed what it resolved; of the rest, the first failed
 * where the handler works message by message, and all of it where the batch is handled as a whole.
 */
export function judgeBatch(call: BatchCall): BatchOutcome {
  const { offsets, ownSpans } = call;
  const isWhole = !call.hasThrown && call.isAutoResolved && !call.wasToldToStop;
  const resolved = isWhole ? offsets.length : call.resolved;
  const rest = offsets.slice(resolved);
  const withoutSpan = (list: readonly number[]) =>
    ownSpans.size === 0 ? list : list.filter((offset) => !ownSpans.has(offset));
  const processed = withoutSpan(offsets.slice(0, resolved));
  const open = withoutSpan(rest);
  const failures = call.hasThrown ? countFailures(call, rest.length) : 0;
  return {
    processed,
    failed: open.slice(0, failures),
    notReached: open.slice(failures),
    resolvedTo: offsets[resolved - 1],
    againFrom: call.hasThrown || !call.isAutoResolved ? rest[0] : undefined,
  };
}
