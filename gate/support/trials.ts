import type { RunOptions, RunResult } from "../../dev/contract.ts";

/** What a run measured, by name. */
type Figures = Readonly<Record<string, string | number | boolean>>;

/** One run of a gate: of the store as it is, or of one with a fault in it. */
export interface Trial<Result extends object> {
  readonly name: string;
  /** What must be seen: that all is kept which is promised, or the harm that this very fault does. */
  readonly expected: (result: Result) => boolean;
  /** Default `holds`. */
  readonly verdict?: "holds" | "seen";
  readonly run: () => Promise<Result>;
}

/** Those whose names hold the text of `--only`; throws where there is none, as nothing would be a run that holds. */
export function onlyNamed<It extends { readonly name: string }>(
  all: readonly It[],
  only: string | undefined,
): readonly It[] {
  const chosen = all.filter(({ name }) => name.includes(only ?? ""));
  if (chosen.length > 0) return chosen;
  throw new Error(`--only ${only}: no run is named so. There are: ${all.map(({ name }) => name).join("; ")}`);
}

/**
 * Runs one trial after the other, and prints a row for each. Passes when each shows what is expected.
 *
 * `--only <text>` runs those whose names hold the text.
 */
export async function runTrials<Result extends object>(
  trials: readonly Trial<Result>[],
  { progress, table, args }: Pick<RunOptions, "progress" | "table" | "args">,
): Promise<RunResult> {
  const rows: Figures[] = [];
  let passed = true;
  for (const { name, expected, verdict = "holds", run } of onlyNamed(trials, args["only"])) {
    progress(`run: ${name}`);
    const result = await run();
    const isRight = expected(result);
    passed &&= isRight;
    rows.push({ run: name, ...(result as Figures), verdict: isRight ? verdict : "WRONG" });
    progress(`run: ${name}: ${isRight ? verdict : "WRONG"} ${JSON.stringify(result)}`);
  }
  table(rows);
  return { passed, figures: { runs: rows } };
}
