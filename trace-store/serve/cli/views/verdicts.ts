import type { GroupVerdict, GroupVerdictAnswer } from "../../../query/answers.ts";
import type { Page, Style } from "../page.ts";
import { writeTable, type Cell, type Column } from "../table.ts";
import { spellDuration, spellMoment, unixNanoOf } from "../times.ts";

/** How each verdict looks: done, wrong, under way, or nothing to be done about. */
export const STYLE_OF_VERDICT: Readonly<Record<GroupVerdict, Style>> = {
  DELIVERED: "good",
  PROCESSED: "good",
  DEAD_LETTERED: "bad",
  FAILED: "bad",
  EXPIRED: "bad",
  SKIPPED: "bad",
  RETRYING: "waiting",
  FORWARDED: "waiting",
  PROCESSING: "waiting",
  WAITING: "waiting",
  SETTLING: "waiting",
  NOT_VISIBLE: "dim",
  BEFORE_GROUP: "dim",
  PASSED_UNTRACED: "dim",
  UNKNOWN: "dim",
};

const COLUMNS: readonly Column[] = [
  { title: "group" },
  { title: "verdict" },
  { title: "attempts", align: "right" },
  { title: "waited", align: "right" },
  { title: "worked", align: "right" },
  { title: "" },
  // Evidence is not cut.
  { title: "why", lengthMax: 400, wraps: true },
];

/** Writes one line for each group: its verdict, and what the verdict rests on. */
export function writeVerdicts(groups: readonly GroupVerdictAnswer[], page: Page): string {
  const rows = groups.map((it) => groupRow(it));
  return writeTable(COLUMNS, rows, page);
}

function groupRow(group: GroupVerdictAnswer): Cell[] {
  return [
    group.consumerGroup ?? { text: "(not named)", style: "dim" },
    { text: group.verdict, style: STYLE_OF_VERDICT[group.verdict] },
    group.attempts === 0 ? "" : String(group.attempts),
    group.waitedNs === null ? "" : spellDuration(BigInt(group.waitedNs)),
    group.workedNs === null ? "" : spellDuration(BigInt(group.workedNs)),
    detailOf(group),
    { text: group.why, style: "dim" },
  ];
}

/** The one figure that people ask for next, and what else is odd. */
function detailOf(group: GroupVerdictAnswer): string {
  const said: string[] = [];
  if (group.forwardedTo !== null) said.push(`to ${group.forwardedTo}`);
  if (group.aheadMessages !== null) said.push(`${group.aheadMessages} ahead`);
  // It is told by how fast the group was, which says nothing while nobody reads.
  if (group.etaMs !== null && !group.flags.includes("offline"))
    said.push(`in about ${spellDuration(BigInt(Math.round(group.etaMs)) * 1_000_000n)}`);
  return [...said, ...group.flags.map((it) => spellFlag(it, group))].join(", ");
}

function spellFlag(flag: string, { rewoundTo, rewoundAt }: GroupVerdictAnswer): string {
  if (flag === "rewound" && rewoundTo !== null && rewoundAt !== null)
    return `rewound to ${rewoundTo} at ${spellMoment(unixNanoOf(rewoundAt))}`;
  return flag.replaceAll("_", " ");
}
