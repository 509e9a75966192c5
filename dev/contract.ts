/** What the value of an option is: a whole number from 1, one from 0 (both also spelled 1e6), any text; a flag has none. */
export type OptionKind = "count" | "seed" | "text" | "flag";

/** What a gate or a bench is given. */
export interface RunOptions {
  /** A form under 60 seconds. */
  readonly short: boolean;
  /** The options from the command line, without the dashes: numbers in digits, a flag that is given as `"true"`. */
  readonly args: Readonly<Record<string, string>>;
  /** Says on stderr what is going on. */
  readonly progress: (line: string) => void;
  /** Prints a readable table on stdout. */
  readonly table: (rows: readonly Record<string, string | number | boolean>[]) => void;
}

/** What a gate or a bench found. `figures` holds measured values only. */
export interface RunResult {
  readonly passed: boolean;
  readonly figures: Record<string, unknown>;
}

/** One `npm run gate -- name` or `npm run bench -- name`. */
export interface Runnable {
  readonly name: string;
  /** One line for the list. */
  readonly summary: string;
  /** What it understands beside `--short`; any other option is refused. Default: nothing. */
  readonly options?: Readonly<Record<string, OptionKind>>;
  run(options: RunOptions): Promise<RunResult>;
}
