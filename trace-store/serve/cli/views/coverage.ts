import type { CoverageAnswer, CoverageRow } from "../../../query/list-answers.ts";
import type { Page } from "../page.ts";
import { writeTable, type Cell, type Column } from "../table.ts";
import { spellMoment, unixNanoOf } from "../times.ts";

const COLUMNS: readonly Column[] = [
  { title: "partition", align: "right" },
  { title: "told by" },
  { title: "offsets", align: "right" },
  { title: "void", align: "right" },
  { title: "seen", align: "right" },
  { title: "unaccounted", align: "right" },
  { title: "seen of all", align: "right" },
  { title: "since" },
];

/** Writes how much spans tell of each partition: by its producers, then by each group. */
export function writeCoverage({ rows }: CoverageAnswer, page: Page): string {
  return writeTable(
    COLUMNS,
    rows.map((row) => coverageCells(row)),
    page,
  );
}

function coverageCells(row: CoverageRow): Cell[] {
  return [
    String(row.partition),
    row.consumerGroup ?? { text: "(producers)", style: "dim" },
    row.offsets,
    row.void === "0" ? "" : row.void,
    // Of a sampled block only the bounds are kept.
    row.isSampled ? `<= ${row.seen}` : row.seen,
    row.unaccounted === "0" ? "" : { text: row.unaccounted, style: "waiting" },
    row.ratio === null ? "" : { text: spellShare(row.ratio), style: row.ratio === 1 ? "good" : "dim" },
    spellMoment(unixNanoOf(row.since)),
  ];
}

/** Never rounded up to 100 %: that is said only where nothing is missing. */
const spellShare = (ratio: number): string => `${(Math.floor(ratio * 1_000) / 10).toFixed(1)} %`;
