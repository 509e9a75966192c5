import type { MatchesAnswer } from "../../../query/answers.ts";
import type { Page } from "../page.ts";
import { writeTable, type Cell, type Column } from "../table.ts";
import { counted } from "../text.ts";
import { spellMoment } from "../times.ts";
import { placeOf } from "./hops.ts";

const COLUMNS: readonly Column[] = [
  { title: "sent" },
  { title: "topic/partition/offset" },
  { title: "by" },
  { title: "state" },
  { title: "key" },
  { title: "message id" },
  // An id that is cut is none.
  { title: "trace", wraps: true },
];

/** Writes the messages that bear what was asked for, newest first, each with what to ask next. */
export function writeMatches({ matches, isCut }: MatchesAnswer, page: Page): string {
  const rows = matches.map(({ hop, verdict }): Cell[] => [
    spellMoment(BigInt(hop.startUnixNano)),
    placeOf(hop),
    hop.service,
    // An appended message is the usual case.
    verdict === "APPENDED" ? "" : { text: verdict, style: verdict === "UNKNOWN" ? "dim" : "bad" },
    hop.messageKey ?? "",
    hop.messageId ?? "",
    hop.traceId,
  ]);
  const title = `${counted(matches.length, "message")}${isCut ? " and more" : ""}`;
  return `${page.paint("strong", title)}; ask by topic/partition/offset or trace for one of them\n\n${writeTable(COLUMNS, rows, page)}`;
}
