import type { Page, Style } from "./page.ts";
import { printable, shortened, wrapped } from "./text.ts";

/** One cell: bare text, or text with a style. */
export type Cell = string | { readonly text: string; readonly style: Style };

/** One column of a table. */
export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
  /** Longer text is cut. Default 60 characters. */
  readonly lengthMax?: number;
  /** In the last column: a text that is too long for the terminal goes on in the next line instead of being cut. */
  readonly wraps?: boolean;
}

/** A column that has something in it, laid out. */
interface Laid {
  readonly column: Column;
  readonly width: number;
  readonly cells: readonly { readonly text: string; readonly style: Style | undefined }[];
}

const CELL_LENGTH_MAX = 60;
/** The last column gives way to a narrow terminal, down to this. */
const LAST_WIDTH_MIN = 24;
/** Where less is left for a last column that wraps, its texts stand below their rows, so far in. */
const WRAP_WIDTH_MIN = 30;
const BELOW = "    ";
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
  const last = laid.at(-1);
  if (last?.column.wraps === true && last.width > lastMax) return writeWrapped(laid, last, taken, page);
  return writeLines(laid, lastMax, page);
}

/** The texts of the last column are cut into lines: in their column, or below their rows where it is too narrow. */
function writeWrapped(laid: readonly Laid[], last: Laid, taken: number, page: Page): string {
  const room = page.width - taken;
  const isBelow = room < WRAP_WIDTH_MIN;
  const indent = isBelow ? BELOW : " ".repeat(taken);
  const pieces = last.cells.map(({ text }) =>
    wrapped(text, isBelow ? Math.max(LAST_WIDTH_MIN, page.width - BELOW.length) : room),
  );
  const firsts = pieces.map((them, r) => ({ text: them[0] ?? "", style: last.cells[r]?.style }));
  const rest = laid.slice(0, -1);
  // Without it the column before it is the last, and what is left of the line is that one's.
  const roomBefore = Math.max(LAST_WIDTH_MIN, room + GAP.length + (rest.at(-1)?.width ?? 0));
  const table = isBelow
    ? writeLines(rest, roomBefore, page)
    : writeLines([...rest, { ...last, cells: firsts }], room, page);
  const [head = "", ...body] = table.split("\n").slice(0, -1);
  const lines = body.flatMap((row, r) => {
    const style = last.cells[r]?.style;
    const more = (pieces[r] ?? []).slice(isBelow ? 0 : 1).filter((it) => it !== "");
    return [row, ...more.map((it) => indent + (style === undefined ? it : page.paint(style, it)))];
  });
  return [head, ...lines].map((it) => `${it}\n`).join("");
}

function writeLines(laid: readonly Laid[], lastMax: number, page: Page): string {
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
  const body = (laid[0]?.cells ?? []).map((_, r) =>
    line(({ cells }) => cells[r] ?? { text: "", style: undefined }),
  );
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
