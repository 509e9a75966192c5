import type { HopAnswer } from "../../../query/answers.ts";
import type { Page } from "../page.ts";
import { writeTable, type Cell, type Column } from "../table.ts";
import { spellDuration, spellTimeOfDay } from "../times.ts";

const COLUMNS: readonly Column[] = [
  { title: "started", align: "right" },
  { title: "service" },
  { title: "did" },
  { title: "topic/partition/offset" },
  { title: "group" },
  { title: "key" },
  { title: "attempt", align: "right" },
  { title: "status" },
  { title: "took", align: "right" },
  { title: "error" },
];

/** Writes hops in order: the first with its time of day, the others with the time since. */
export function writeHops(hops: readonly HopAnswer[], page: Page): string {
  const firstNs = BigInt(hops[0]?.startUnixNano ?? 0);
  const rows = hops.map((hop, i): Cell[] => [
    i === 0 ? spellTimeOfDay(firstNs) : since(BigInt(hop.startUnixNano) - firstNs),
    hop.service,
    hop.operation,
    placeOf(hop),
    hop.consumerGroup ?? "",
    hop.messageKey ?? "",
    hop.attempt === null ? "" : String(hop.attempt),
    statusOf(hop),
    spellDuration(BigInt(hop.durationNs)),
    { text: hop.error ?? "", style: "bad" },
  ]);
  return writeTable(COLUMNS, rows, page);
}

function since(ns: bigint): string {
  return ns < 0n ? spellDuration(ns) : `+${spellDuration(ns)}`;
}

/** What is known of where a message lies: an unknown part is a question mark. */
export function placeOf(at: {
  readonly topic: string | null;
  readonly partition: number | null;
  readonly messageOffset: string | null;
}): string {
  if (at.topic === null) return "";
  if (at.partition === null && at.messageOffset === null) return at.topic;
  return `${at.topic}/${at.partition ?? "?"}/${at.messageOffset ?? "?"}`;
}

function statusOf({ status }: HopAnswer): Cell {
  switch (status) {
    case "ok":
      return { text: "ok", style: "good" };
    case "error":
      return { text: "error", style: "bad" };
    case "in_progress":
      return { text: "in progress", style: "waiting" };
  }
}
