import { type ClientBase } from "pg";
import type { LinkRow, OffsetRangeRow, SpanRow } from "../span/span-row.ts";
import type { CopyBuffer } from "./copy-buffer.ts";
import type { Dictionaries } from "./dictionaries.ts";
import { copyInto } from "./copy-into.ts";
import type { Of } from "./span-group.ts";
import { LINK_COLUMNS, putLink, putRange, putSpan, RANGE_COLUMNS, SPAN_COLUMNS } from "./rows.ts";

/** Three tables that hold spans, their links and their ranges. */
export interface SpanTables {
  readonly spans: string;
  readonly links: string;
  readonly ranges: string;
  /** Where it is noted when a span came, if anywhere. */
  readonly arrivals?: string;
}

/** Spans whose time has a slice. */
export const IN_SLICES: SpanTables = {
  spans: "trail_private.spans",
  links: "trail_private.span_links",
  ranges: "trail_private.offset_ranges",
};
/** Spans whose time has none. */
export const ODD_TIMES: SpanTables = {
  spans: "trail_private.odd_time_spans",
  links: "trail_private.odd_time_span_links",
  ranges: "trail_private.odd_time_offset_ranges",
  arrivals: "trail_private.odd_time_arrivals",
};

/** What turns spans into bytes: a buffer, and the ids of all their names. */
export interface SpanEncoding {
  readonly copy: CopyBuffer;
  readonly names: Dictionaries;
}

/** Copies spans straight into their table; all of them are inserted, or 23505 is thrown. `whileWaiting`: see {@link copyInto}. */
export async function copySpans(
  client: ClientBase,
  encoding: SpanEncoding,
  tables: SpanTables,
  rows: readonly SpanRow[],
  whileWaiting?: () => void,
): Promise<readonly SpanRow[]> {
  const target = `${tables.spans} (${SPAN_COLUMNS})`;
  await copyInto(client, target, encoding.copy, rows, putting(encoding), whileWaiting);
  return rows;
}

/** Inserts the spans that are not there yet, by way of a temporary table, and returns those. */
export async function insertSpans(
  client: ClientBase,
  encoding: SpanEncoding,
  tables: SpanTables,
  rows: readonly SpanRow[],
): Promise<readonly SpanRow[]> {
  await stage(client, tables.spans, SPAN_COLUMNS, encoding.copy, rows, putting(encoding));
  // RETURNING, not the command's own count: on Citus that counts the rows sent.
  const { rows: inserted } = await client.query<[string, string, string]>({
    text: `
      INSERT INTO ${tables.spans} (${SPAN_COLUMNS}) SELECT ${SPAN_COLUMNS} FROM staged
      ORDER BY trace_id, span_id, start_time
      ON CONFLICT DO NOTHING
      RETURNING replace(trace_id::text, '-', ''), span_id, (extract(epoch FROM start_time) * 1000000)::bigint`,
    rowMode: "array",
  });
  if (tables.arrivals !== undefined) {
    await client.query(
      `INSERT INTO ${tables.arrivals} (start_time, span_id, trace_id)
       SELECT start_time, span_id, trace_id FROM staged ORDER BY trace_id, span_id, start_time
       ON CONFLICT DO NOTHING`,
    );
  }
  await client.query("DROP TABLE staged");
  const keys = new Set(inserted.map(([traceId, spanId, startUs]) => `${traceId}${spanId}/${startUs}`));
  return rows.filter((row) => keys.has(keyOf(row)));
}

const keyOf = (row: SpanRow): string =>
  `${row.traceId}${BigInt.asIntN(64, BigInt(`0x${row.spanId}`))}/${row.startNs / 1_000n}`;

/** Copies links of spans that were just inserted. */
export async function copyLinks(
  client: ClientBase,
  { copy }: SpanEncoding,
  tables: SpanTables,
  links: readonly Of<LinkRow>[],
  isStaged: boolean,
): Promise<void> {
  const putOne = ({ row, item }: Of<LinkRow>): void => putLink(copy, row, item);
  await put(client, tables.links, LINK_COLUMNS, copy, links, putOne, isStaged);
}

/** Copies ranges of spans that were just inserted. */
export async function copyRanges(
  client: ClientBase,
  { copy, names }: SpanEncoding,
  tables: SpanTables,
  ranges: readonly Of<OffsetRangeRow>[],
  isStaged: boolean,
): Promise<void> {
  const putOne = ({ row, item }: Of<OffsetRangeRow>): void => putRange(copy, row, item, names);
  await put(client, tables.ranges, RANGE_COLUMNS, copy, ranges, putOne, isStaged);
}

const putting =
  ({ copy, names }: SpanEncoding) =>
  (row: SpanRow): void =>
    putSpan(copy, row, names);

async function put<T>(
  client: ClientBase,
  table: string,
  columns: string,
  copy: CopyBuffer,
  rows: readonly T[],
  putRow: (row: T) => void,
  isStaged: boolean,
): Promise<void> {
  if (rows.length === 0) return;
  if (!isStaged) return copyInto(client, `${table} (${columns})`, copy, rows, putRow);
  await stage(client, table, columns, copy, rows, putRow);
  await client.query(
    `INSERT INTO ${table} (${columns}) SELECT ${columns} FROM staged ON CONFLICT DO NOTHING`,
  );
  await client.query("DROP TABLE staged");
}

/** Made anew each time: a column that a migration added since would be missing in one that was kept. */
async function stage<T>(
  client: ClientBase,
  table: string,
  columns: string,
  copy: CopyBuffer,
  rows: readonly T[],
  putRow: (row: T) => void,
): Promise<void> {
  await client.query(`CREATE TEMPORARY TABLE staged (LIKE ${table}) ON COMMIT DROP`);
  await copyInto(client, `staged (${columns})`, copy, rows, putRow);
}
