import type { QuarantineRow, SpanRow } from "../span/span-row.ts";
import type { WritePart } from "../span/write-part.ts";

/** What a reason begins with when Postgres refused a row; what it said follows. */
export const POISON = "poison: ";

const BUFFERS: ReadonlySet<string> = new Set(["attributes", "detail"]);
const BIGINTS: ReadonlySet<string> = new Set([
  "startNs",
  "durationNs",
  "messageOffset",
  "firstOffset",
  "lastOffset",
]);

/** Makes the entry of quarantine for a row that Postgres refused: the row itself as JSON, of whatever form it came. */
export function quarantineOfRow(part: WritePart, row: SpanRow, said: string): QuarantineRow {
  const bytes = Buffer.from(
    JSON.stringify(row, (_, value: unknown) => {
      if (typeof value === "bigint") return value.toString();
      return isBufferJson(value) ? Buffer.from(value.data).toString() : value;
    }),
  );
  return {
    reason: `${POISON}${said}`,
    source: part.advance === null ? "otlp" : `kafka:${part.advance.topic}`,
    partition: part.advance?.partition ?? null,
    sourceOffset: offsetOf(part, row),
    bytes,
    bytesTotal: bytes.length,
  };
}

/** Reads the row back. Nobody has looked through it since. */
export function rowOfQuarantined(bytes: Buffer): SpanRow {
  const row = JSON.parse(bytes.toString(), (key, value: unknown) => {
    if (typeof value !== "string") return value;
    if (BIGINTS.has(key)) return BigInt(value);
    return BUFFERS.has(key) ? Buffer.from(value) : value;
  }) as SpanRow;
  return { ...row, isReadable: false };
}

/** The offset of the record that the row came in; where the part does not know it, the part's first. */
function offsetOf({ advance, rows, records }: WritePart, row: SpanRow): bigint | null {
  const at = rows.indexOf(row);
  return records?.findLast(({ firstRow }) => firstRow <= at)?.offset ?? advance?.from ?? null;
}

/** The part without some of its rows. */
export function withoutRows(part: WritePart, without: (row: SpanRow) => boolean): WritePart {
  const left = part.rows.map((row) => !without(row));
  const records = part.records?.map(({ offset, firstRow }) => ({
    offset,
    firstRow: left.slice(0, firstRow).filter(Boolean).length,
  }));
  return { ...part, rows: part.rows.filter((_, i) => left[i]), ...(records && { records }) };
}

/** A Buffer turns itself into this before a replacer sees it. */
function isBufferJson(value: unknown): value is { type: "Buffer"; data: number[] } {
  return (
    typeof value === "object" &&
    value !== null &&
    "type" in value &&
    value.type === "Buffer" &&
    "data" in value
  );
}
