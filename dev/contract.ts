/** What a gate or a bench is given. */
export interface RunOptions {
  /** A form under 60 seconds. */
  readonly short: boolean;
  /** `--name value` pairs from the command line, without the dashes. */
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
  run(options: RunOptions): Promise<RunResult>;
}
