import { parseCoordinates, parseOffsetRange, type OffsetRange } from "kafka-trail/trace-context";
import { OFFSET_RANGE_LENGTH_MAX, type OffsetRangeRow } from "../span/span-row.ts";
import { RangeRole } from "../span/vocabulary.ts";
import { RANGES_MAX } from "./bounds.ts";
import { Fact, type Facts } from "./facts.ts";

const PIECE = BigInt(OFFSET_RANGE_LENGTH_MAX);
const NO_RANGES: readonly OffsetRangeRow[] = [];

/** A range with what it is evidence of, before it is cut into rows. */
export interface RoleRange extends OffsetRange {
  readonly role: RangeRole;
}

/** Reads the ranges that a span's own attributes name. `role` is that of `kafka_trail.offsets`. */
export function rangesOf(facts: Facts, role: RangeRole): RoleRange[] {
  const ranges: RoleRange[] = [];
  const add = (fact: Fact, as: RangeRole): void => {
    for (const spelled of facts.list(fact)) {
      const range = parseOffsetRange(spelled);
      if (range) ranges.push({ ...range, role: as });
    }
  };
  add(Fact.offsets, role);
  add(Fact.offsetsFailed, RangeRole.failed);
  add(Fact.offsetsNotReached, RangeRole.notReached);
  add(Fact.offsetsSkipped, RangeRole.skipped);
  add(Fact.offsetsVoid, RangeRole.void);
  const origin = parseCoordinates(facts.text(Fact.origin) ?? "");
  if (origin) {
    const { topic, partition, messageOffset } = origin;
    const range = { topic, partition, firstOffset: messageOffset, lastOffset: messageOffset };
    ranges.push({ ...range, role: RangeRole.origin });
  }
  return ranges;
}

/**
 * Cuts ranges into rows of at most {@link OFFSET_RANGE_LENGTH_MAX} offsets. Where there would be more than
 * {@link RANGES_MAX}, every range gives up its oldest offsets.
 */
export function rangeRows(ranges: readonly RoleRange[]): {
  rows: readonly OffsetRangeRow[];
  isComplete: boolean;
} {
  if (ranges.length === 0) return { rows: NO_RANGES, isComplete: true };
  const rows: OffsetRangeRow[] = [];
  let isComplete = true;
  for (const [i, range] of ranges.entries()) {
    const share = Math.floor((RANGES_MAX - rows.length) / (ranges.length - i));
    let last = range.lastOffset;
    let count = 0;
    for (; last >= range.firstOffset && count < share; count++) {
      const from = last - PIECE + 1n;
      const firstOffset = from > range.firstOffset ? from : range.firstOffset;
      rows.push({ ...range, firstOffset, lastOffset: last });
      last = firstOffset - 1n;
    }
    if (last >= range.firstOffset) isComplete = false;
  }
  return { rows, isComplete };
}
