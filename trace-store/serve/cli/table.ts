import type { Page, Style } from "./page.ts";
import { printable, shortened } from "./text.ts";

/** One cell: bare text, or text with a style. */
export type Cell = string | { readonly text: string; readonly style: Style };

/** One column of a table. */
export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
  /** Longer text is cut. Default 60 characters. */
  readonly lengthMax?: number;
}

/** A column that has something in it, laid out. */
interface Laid {
  readonly column: Column;
  readonly width: number;
  readonly cells: readonly { readonly text: string; readonly style: Style | undefined }[];
}

const CELL_LENGTH_MAX = 60;
/** The last column gives way to a narrow terminal, down to this. */
const LAST_WIDTH_MIN = 20;
const GAP = "  ";

/**
 * Writes a table of aligned columns, without frames, so that any line can be selected and pasted.
 * A column that holds nothing in any row is left out, and without rows nothing is written.
 */
export function writeTable(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  page: Page,
): string {
  if (rows.length === 0) return "";
  const laid = columns.map((column, i) => layOut(column, rows, i)).filter((it) => it !== undefined);
  const taken = laid.slice(0, -1).reduce((sum, { width }) => sum + width + GAP.length, 0);
  const lastMax = Math.max(LAST_WIDTH_MIN, page.width - taken);

  const line = (textAt: (it: Laid) => { text: string; style: Style | undefined }) =>
    laid
      .map((it, position) => {
        const isLast = position === laid.length - 1;
        const { text, style } = textAt(it);
        const fitting = isLast ? shortened(text, lastMax) : text;
        const padding = " ".repeat(Math.max(0, it.width - text.length));
        const painted = style === undefined || fitting === "" ? fitting : page.paint(style, fitting);
        if (it.column.align === "right") return padding + painted;
        return isLast ? painted : painted + padding;
      })
      .join(GAP);

  const head = line(({ column }) => ({ text: column.title, style: "dim" }));
  const body = rows.map((_, r) => line(({ cells }) => cells[r] ?? { text: "", style: undefined }));
  return [head, ...body].map((it) => `${it.trimEnd()}\n`).join("");
}

function layOut(column: Column, rows: readonly (readonly Cell[])[], i: number): Laid | undefined {
  const cells = rows.map((row) => {
    const cell = row[i] ?? "";
    const [text, style] = typeof cell === "string" ? [cell, undefined] : [cell.text, cell.style];
    return { text: shortened(printable(text), column.lengthMax ?? CELL_LENGTH_MAX), style };
  });
  if (cells.every(({ text }) => text === "")) return undefined;
  return { column, cells, width: Math.max(column.title.length, ...cells.map(({ text }) => text.length)) };
}
