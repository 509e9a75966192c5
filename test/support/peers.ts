import { readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeTracesJson } from "../../trace-store/ingest/decode-json.ts";
import type { SpanRow } from "../../trace-store/span/span-row.ts";
import { Operation, RangeRole } from "../../trace-store/span/vocabulary.ts";

const FOLDER = join(__dirname, "..", "fixtures", "peers");

/** The rows of a peer's spans. */
export function peerRows(peer: string): SpanRow[] {
  const { rows, rejected } = decodeTracesJson(readFileSync(join(FOLDER, `${peer}.json`)));
  if (rejected.length > 0) throw new Error(`${peer}: ${rejected.length} spans were rejected`);
  return rows;
}

function nameOf(table: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(table).find((name) => table[name] === value) ?? "?";
}

/**
 * A row in one line: `service operation topic/partition/offset group key id status`, with `-` for what is not known, then
 * its links and ranges.
 */
export function inShort(row: SpanRow): string {
  const place = [row.topic, row.partition, row.messageOffset].map((it) => it ?? "-").join("/");
  const ranges = row.ranges.map(
    (it) => `${nameOf(RangeRole, it.role)}:${it.topic}/${it.partition}/${it.firstOffset}-${it.lastOffset}`,
  );
  return [
    row.service,
    nameOf(Operation, row.operation),
    place,
    row.consumerGroup ?? "-",
    row.messageKey ?? "-",
    row.messageId ?? "-",
    ["unset", "ok", "error"][row.status],
    ...(row.links.length > 0 ? [`links:${row.links.length}`] : []),
    ...ranges,
  ].join(" ");
}
