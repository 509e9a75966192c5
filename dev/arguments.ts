import { parseArgs, type ParseArgsConfig } from "node:util";
import type { OptionKind, Runnable, RunOptions } from "./contract.ts";

/** A command line that cannot be run; the message says what was seen and what is expected. */
export class ArgumentFault extends Error {
  override readonly name = "ArgumentFault";
}

type Options = Readonly<Record<string, OptionKind>>;
/** What a command line can name, and what that understands. */
type Named = Pick<Runnable, "name" | "options">;

/**
 * Reads `name --short --spans 1e6` into the one of that name, the short form, and the rest as pairs. `--spans=1e6` is the
 * same.
 *
 * Throws an {@link ArgumentFault} for no name or an unknown one, a second one, an option that the named one does not
 * understand, and a value that is missing or no number.
 */
export function readArguments<Choice extends Named>(
  argv: readonly string[],
  all: readonly Choice[],
): { chosen: Choice; options: Pick<RunOptions, "short" | "args"> } {
  const words = parseArgs({ args: [...argv], strict: false, allowPositionals: true }).positionals;
  // Which words are values is known when the name is.
  const chosen = words.flatMap((word) => all.filter(({ name }) => name === word))[0];
  if (chosen === undefined) {
    throw new ArgumentFault(words[0] === undefined ? "No name is given" : `There is no "${words[0]}"`);
  }
  const { values, positionals } = parsed(argv, { ...chosen.options, short: "flag" });
  const stray = positionals.find((word, i) => i > 0 || word !== chosen.name);
  if (stray !== undefined) throw new ArgumentFault(`"${stray}" is neither an option nor the value of one`);
  const args: Record<string, string> = {};
  for (const [option, value] of Object.entries(values)) {
    const kind = chosen.options?.[option];
    args[option] = isNumber(kind) ? wholeNumber(option, kind, String(value)) : String(value);
  }
  return { chosen, options: { short: args["short"] === "true", args } };
}

/** How the options are spelled on a command line. */
export function usageOf(options: Options = {}): string {
  const spelled = Object.entries(options).map(
    ([option, kind]) => `[--${option}${kind === "flag" ? "" : ` ${kind.toUpperCase()}`}]`,
  );
  return ["[--short]", ...spelled].join(" ");
}

function parsed(argv: readonly string[], kinds: Options) {
  const options: NonNullable<ParseArgsConfig["options"]> = Object.fromEntries(
    Object.entries(kinds).map(([option, kind]) => [option, { type: kind === "flag" ? "boolean" : "string" }]),
  );
  try {
    return parseArgs({ args: [...argv], options, strict: true, allowPositionals: true });
  } catch (fault) {
    // The first of its sentences says what is wrong; the others are about spellings.
    throw new ArgumentFault(String((fault as Error).message).split(/[.\n]/)[0], { cause: fault });
  }
}

type NumberKind = Extract<OptionKind, "count" | "seed">;

const isNumber = (kind: OptionKind | undefined): kind is NumberKind => kind === "count" || kind === "seed";

function wholeNumber(option: string, kind: NumberKind, value: string): string {
  const least = kind === "count" ? 1 : 0;
  const number = value.trim() === "" ? NaN : Number(value);
  if (Number.isSafeInteger(number) && number >= least) return String(number);
  throw new ArgumentFault(
    `--${option} is "${value}"; expected a whole number from ${least}, as in 2000000 or 2e6`,
  );
}
