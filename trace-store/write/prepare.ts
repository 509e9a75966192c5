import { wholeMs } from "../span/nanoseconds.ts";
import type { SpanRow } from "../span/span-row.ts";
import type { WritePart } from "../span/write-part.ts";
import { type BatchNames, namesOf } from "./batch-names.ts";
import type { Incarnations } from "./incarnations.ts";
import { minuteOf } from "./late-spans.ts";
import { LedgerMarks } from "./ledger-marks.ts";
import type { SliceMap } from "./slice-map.ts";
import { byKey, sortRows } from "./sort-rows.ts";
import { groupOf, type SpanGroup } from "./span-group.ts";

/** Parts of a batch, made ready as far as that goes without Postgres: while the batch before it is still being written. */
export interface Prepared {
  readonly parts: readonly WritePart[];
  /** In key order, so that two writers of the same spans meet in one order and never in a circle; each span once. */
  readonly inSlices: SpanGroup;
  readonly oddTimes: SpanGroup;
  readonly repeated: number;
  readonly expired: number;
  readonly marks: LedgerMarks;
  /** Of all spans of the parts. */
  readonly names: BatchNames;
  /** In which the spans that have a slice start: see {@link minuteOf}. */
  readonly minutes: ReadonlySet<number>;
  /** Of the slices that were known: with others it has to be prepared again. */
  readonly slicesVersion: number;
}

/** Sorts a batch, tells repeated and expired spans from the others, and gathers what they tell the ledger. */
export function prepare(
  parts: readonly WritePart[],
  { slices, incarnations }: { readonly slices: SliceMap; readonly incarnations: Incarnations },
): Prepared {
  const inSlices: SpanRow[] = [];
  const oddTimes: SpanRow[] = [];
  const marks = new LedgerMarks(incarnations);
  let [repeated, expired] = [0, 0];
  let before: SpanRow | undefined;
  const minutes = new Set<number>();
  const placeOf = slices.places();
  for (const row of sortRows(parts.flatMap((part) => part.rows))) {
    const isRepeated = before !== undefined && byKey(before, row) === 0;
    before = row;
    const place = placeOf(row.startNs);
    if (place === "expired") expired += 1;
    else if (isRepeated) repeated += 1;
    else {
      (place === "slice" ? inSlices : oddTimes).push(row);
      if (place === "slice") minutes.add(minuteOf(wholeMs(row.startNs)));
      marks.add(row);
    }
  }
  return {
    parts,
    inSlices: groupOf(inSlices),
    oddTimes: groupOf(oddTimes),
    repeated,
    expired,
    marks,
    names: namesOf(parts),
    minutes,
    slicesVersion: slices.version,
  };
}
