import type { GroupRow, GroupsAnswer } from "../../../query/list-answers.ts";
import type { Page } from "../page.ts";
import { writeTable, type Cell, type Column } from "../table.ts";
import { spellMoment, unixNanoOf } from "../times.ts";

const COLUMNS: readonly Column[] = [
  { title: "group" },
  { title: "state" },
  { title: "members", align: "right" },
  { title: "topic" },
  { title: "partition", align: "right" },
  { title: "committed", align: "right" },
  { title: "log end", align: "right" },
  { title: "lag", align: "right" },
  { title: "expired", align: "right" },
  { title: "committed at" },
];

/** Writes where each group stands, partition by partition. */
export function writeGroups({ rows }: GroupsAnswer, page: Page): string {
  return writeTable(
    COLUMNS,
    rows.map((row) => groupCells(row)),
    page,
  );
}

function groupCells(row: GroupRow): Cell[] {
  return [
    row.consumerGroup,
    // A group without members reads nothing, however small its lag is just now.
    { text: row.state ?? "", style: row.members === 0 ? "bad" : "dim" },
    row.members === null ? "?" : String(row.members),
    row.topic,
    String(row.partition),
    row.committed,
    row.logEnd,
    { text: row.lagMessages, style: row.lagMessages === "0" ? "good" : "waiting" },
    row.expiredMessages === "0" ? "" : { text: row.expiredMessages, style: "bad" },
    spellMoment(unixNanoOf(row.committedAt)),
  ];
}
