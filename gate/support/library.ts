import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import type * as library from "kafka-trail";
import { repositoryRoot } from "../../dev/root.ts";
import { breakText, type Mutant } from "./mutant.ts";

/** What an app imports. */
export type Library = typeof library;

/** Loads the built library, or a copy of it with one fault in it: the product itself has no switch that breaks it. */
export function loadLibrary(mutant?: Mutant): Library {
  const built = join(repositoryRoot(), "dist");
  if (mutant === undefined) return require(built) as Library;
  // Inside the repository, so that the copy finds the same node_modules.
  const copy = join(repositoryRoot(), ".build", "mutants", mutant.name.replaceAll(/\W+/g, "-"), "dist");
  rmSync(copy, { recursive: true, force: true });
  cpSync(built, copy, { recursive: true });
  breakText(join(copy, mutant.file), mutant);
  return require(copy) as Library;
}
