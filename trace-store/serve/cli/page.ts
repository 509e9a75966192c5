import { styleText } from "node:util";

/** What a piece of output is, rather than which colour it has. */
export type Style = "good" | "bad" | "waiting" | "dim" | "strong";

/** Colours a text, or leaves it as it is. Nothing is ever said by colour alone. */
export type Paint = (style: Style, text: string) => string;

/** What a table is written for. */
export interface Page {
  readonly paint: Paint;
  /** Columns of the terminal; infinite where nobody knows. */
  readonly width: number;
}

const FORMATS = {
  good: "green",
  bad: "red",
  waiting: "yellow",
  dim: "dim",
  strong: "bold",
} as const;

/** Makes the painter of a terminal that has colours, or of a page that has none. */
export function createPaint(hasColours: boolean): Paint {
  return (style, text) => (hasColours ? styleText(FORMATS[style], text, { validateStream: false }) : text);
}
