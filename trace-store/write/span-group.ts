import type { LinkRow, OffsetRangeRow, SpanRow } from "../span/span-row.ts";

/** A link or a range of a span, beside it. */
export interface Of<T> {
  readonly row: SpanRow;
  readonly item: T;
}

/** Spans that go into one table, and their links and ranges, each of these once. */
export interface SpanGroup {
  readonly rows: readonly SpanRow[];
  readonly links: readonly Of<LinkRow>[];
  readonly ranges: readonly Of<OffsetRangeRow>[];
}

/** Gathers the links and ranges of spans, in the spans' order. */
export function groupOf(rows: readonly SpanRow[]): SpanGroup {
  const links: Of<LinkRow>[] = [];
  const ranges: Of<OffsetRangeRow>[] = [];
  for (const row of rows) {
    if (row.links.length > 0) for (const item of distinct(row.links, linkKey)) links.push({ row, item });
    if (row.ranges.length > 0) for (const item of distinct(row.ranges, rangeKey)) ranges.push({ row, item });
  }
  return { rows, links, ranges };
}

const linkKey = (link: LinkRow): string => link.traceId + link.spanId;
const rangeKey = (range: OffsetRangeRow): string =>
  `${range.topic}/${range.partition}/${range.firstOffset}/${range.role}`;

function distinct<T>(items: readonly T[], key: (item: T) => string): readonly T[] {
  if (items.length < 2) return items;
  return [...new Map(items.map((it) => [key(it), it])).values()];
}
