import type { QuarantinedEntry, RetriedEntry } from "../operations.ts";
import type { Page } from "../page.ts";
import { writeTable, type Column } from "../table.ts";
import { spellMoment, unixNanoOf } from "../times.ts";

const COLUMNS: readonly Column[] = [
  { title: "hash" },
  { title: "reason" },
  { title: "source" },
  { title: "partition", align: "right" },
  { title: "offset", align: "right" },
  { title: "bytes", align: "right" },
  { title: "seen at" },
  { title: "kept, base64" },
];

/** So much of a hash tells one from another among a thousand. */
const HASH_SHOWN = 12;

/** Writes what is in quarantine, newest first. */
export function writeQuarantine(entries: readonly QuarantinedEntry[], page: Page): string {
  return writeTable(
    COLUMNS,
    entries.map((it) => [
      it.hash.slice(0, HASH_SHOWN),
      it.reason,
      it.source,
      it.partition === null ? "" : String(it.partition),
      it.sourceOffset ?? "",
      String(it.bytesTotal),
      spellMoment(unixNanoOf(it.seenAt)),
      it.bytes ?? "",
    ]),
    page,
  );
}

const RETRIED_COLUMNS: readonly Column[] = [
  { title: "hash" },
  { title: "reason" },
  { title: "now" },
  { title: "says", lengthMax: 200 },
];

/** Writes what became of entries that were tried again. */
export function writeRetried(entries: readonly RetriedEntry[], page: Page): string {
  return writeTable(
    RETRIED_COLUMNS,
    entries.map((it) => [
      it.hash.slice(0, HASH_SHOWN),
      it.reason,
      { text: it.outcome, style: it.outcome === "stored" ? "good" : "bad" },
      it.says,
    ]),
    page,
  );
}
