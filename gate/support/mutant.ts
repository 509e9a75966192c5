import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "../../dev/root.ts";

/** One fault, planted on purpose. */
export interface Mutant {
  readonly name: string;
  /** File of what was built, below its `dist`. */
  readonly file: string;
  readonly edits: readonly {
    /** Text that must stand there exactly once. */
    readonly find: string;
    readonly replace: string;
  }[];
}

/**
 * Makes a copy of the built store with one fault in it, and returns its program.
 *
 * The product itself has no switch that breaks it. Throws when the text to break is not there any more: a mutant that
 * mutates nothing would prove nothing.
 */
export function plantMutant(mutant: Mutant): string {
  const store = join(repositoryRoot(), "trace-store");
  // Inside the repository, so that the copy finds the same node_modules.
  const copy = join(repositoryRoot(), ".build", "mutants", mutant.name.replaceAll(/\W+/g, "-"));
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(copy, { recursive: true });
  for (const part of ["bin", "dist", "schema", "package.json"])
    cpSync(join(store, part), join(copy, part), { recursive: true });
  breakText(join(copy, "dist", mutant.file), mutant);
  return join(copy, "bin", "kafka-trail.js");
}

/** Plants the fault in a file. */
export function breakText(file: string, mutant: Mutant): void {
  let text = readFileSync(file, "utf8");
  for (const { find, replace } of mutant.edits) {
    const times = text.split(find).length - 1;
    if (times !== 1) {
      throw new Error(
        `Mutant "${mutant.name}" expects this text once in ${mutant.file}, and found it ${times} times: ${find}`,
      );
    }
    text = text.replace(find, () => replace);
  }
  writeFileSync(file, text);
}
