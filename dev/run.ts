import { appendFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { ArgumentFault, readArguments, usageOf } from "./arguments.ts";
import type { Runnable } from "./contract.ts";
import { repositoryRoot } from "./root.ts";

/** Prints rows of equal columns, the numbers to the right. */
function printTable(rows: readonly Record<string, string | number | boolean>[]): void {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = [columns, ...rows.map((row) => columns.map((column) => String(row[column] ?? "")))];
  const widths = columns.map((_, i) => Math.max(...cells.map((line) => line[i]?.length ?? 0)));
  const isNumber = columns.map((column) => rows.every((row) => typeof row[column] === "number"));
  for (const line of cells) {
    const padded = line.map((cell, i) =>
      isNumber[i] ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0),
    );
    process.stdout.write(`${padded.join("  ").trimEnd()}\n`);
  }
}

/** The gates or benches of a folder: every module in it that exports one under `kind`. */
function find(folder: string, kind: "gate" | "bench"): Runnable[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".js") && file !== "main.js")
    .flatMap((file) => {
      const found = (require(join(folder, file)) as Record<string, Runnable | undefined>)[kind];
      return found === undefined ? [] : [found];
    });
}

/**
 * Says what is going on on stderr, and in a file that any terminal may follow. The run outlives the terminal it was
 * started from, and a reader who has had enough.
 */
function openProgress(name: string): (line: string) => void {
  const directory = join(repositoryRoot(), ".build", "progress");
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${name}.log`);
  writeFileSync(file, "");
  process.on("SIGHUP", () => undefined);
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
  const say = (line: string): void => {
    appendFileSync(file, `${new Date().toISOString().slice(11, 19)} ${line}\n`);
    process.stderr.write(`${name}: ${line}\n`);
  };
  process.stderr.write(`${name}: to watch from another terminal: tail -f ${relative(process.cwd(), file)}\n`);
  return say;
}

/** What the command line asks for. Where that cannot be told, says why and what there is, and ends the process. */
function chooseFrom(
  all: readonly Runnable[],
  kind: "gate" | "bench",
): ReturnType<typeof readArguments<Runnable>> {
  try {
    return readArguments(process.argv.slice(2), all);
  } catch (fault) {
    if (!(fault instanceof ArgumentFault)) throw fault;
    const list = all.map(
      (it) => `  ${it.name.padEnd(14)}${it.summary}\n${" ".repeat(16)}${usageOf(it.options)}\n`,
    );
    process.stderr.write(
      `${fault.message}. Expected npm run ${kind} -- NAME [OPTIONS], one of\n${list.join("")}`,
    );
    process.exit(2);
  }
}

/**
 * Runs one gate or bench by name: progress on stderr and in `.build/progress/<name>.log`, a table and at last one JSON line
 * on stdout.
 *
 * Exit code 0 if it passed, 1 if not, 2 if there is none of that name, or it does not understand the options.
 */
export async function runNamed(folder: string, kind: "gate" | "bench"): Promise<void> {
  const { chosen, options } = chooseFrom(find(folder, kind), kind);
  const progress = openProgress(chosen.name);
  try {
    const { passed, figures } = await chosen.run({ ...options, progress, table: printTable });
    const last = JSON.stringify({ name: chosen.name, passed, figures });
    progress(passed ? `passed: ${last}` : `FAILED: ${last}`);
    process.stdout.write(`${last}\n`);
    process.exit(passed ? 0 : 1);
  } catch (error) {
    progress(error instanceof Error ? (error.stack ?? error.message) : String(error));
    process.stdout.write(
      `${JSON.stringify({ name: chosen.name, passed: false, figures: { error: String(error) } })}\n`,
    );
    process.exit(1);
  }
}
