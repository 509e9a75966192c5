import { createPaint, type Page } from "./page.ts";
import { safeJson } from "./text.ts";

/** The forms an answer can be written in. */
export const FORMATS = ["table", "json", "ndjson"] as const;
export type Format = (typeof FORMATS)[number];

/** Where text goes: a stream of Node's, or what a test keeps. */
export interface Sink {
  write(text: string): unknown;
  /** What the terminal can show; Node knows it by TERM. */
  hasColors?(): boolean;
  /** Width of the terminal. */
  readonly columns?: number;
}

/** What the program writes to, and whether a person reads it there. */
export interface Terminal {
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** True: stdout is a terminal, so that the default form is a table. */
  readonly isTty: boolean;
  /** True when `NO_COLOR` is set. */
  readonly noColor: boolean;
}

/** Writes answers: data on stdout, all else on stderr. */
export interface Output {
  /**
   * Writes one answer: as a table for people, as one indented JSON document, or as one line of JSON for each of its
   * `rows`.
   */
  answer<T>(
    answer: T,
    as: {
      readonly table: (answer: T, page: Page) => string;
      readonly rows: (answer: T) => readonly unknown[];
    },
  ): void;
  /** Says something on stderr. */
  say(sentence: string): void;
}

/** Makes the output in the form asked for; by default a table on a terminal and NDJSON on a pipe. */
export function createOutput(terminal: Terminal, asked: Format | undefined): Output {
  const format = asked ?? (terminal.isTty ? "table" : "ndjson");
  const { stdout } = terminal;
  const page: Page = {
    paint: createPaint(terminal.isTty && !terminal.noColor && stdout.hasColors?.() !== false),
    width: (terminal.isTty && stdout.columns) || Number.POSITIVE_INFINITY,
  };
  return {
    answer(answer, { table, rows }) {
      if (format === "table") stdout.write(table(answer, page));
      else if (format === "json") stdout.write(`${safeJson(answer, 2)}\n`);
      else for (const row of rows(answer)) stdout.write(`${safeJson(row)}\n`);
    },
    say(sentence) {
      terminal.stderr.write(`${sentence}\n`);
    },
  };
}
