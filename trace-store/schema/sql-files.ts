import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** One SQL file of the schema, as it lies in the package. */
export interface SqlFile {
  /** `0001_spans` for `0001_spans.sql`. */
  readonly name: string;
  readonly text: string;
}

/** Everything that makes a database ours. */
export interface SchemaFiles {
  /** In the order in which they are applied. */
  readonly migrations: readonly SqlFile[];
  /** Views and functions, in the order in which they are applied. */
  readonly functions: readonly SqlFile[];
  /** Those that stand in for others of the same name where spans are spread over a Citus cluster. Default: none. */
  readonly citusFunctions?: readonly SqlFile[];
  readonly roles: SqlFile;
  /** Of the package. An older package leaves the views and functions of a newer one alone. */
  readonly version: string;
}

// By the package's name, not by this file's place: the same from source, from dist and from the installed tarball.
const packageFile = (): string => require.resolve("kafka-trail-store/package.json");

function readFolder(folder: string): SqlFile[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".sql"))
    .toSorted()
    .map((file) => ({ name: file.slice(0, -4), text: readFileSync(join(folder, file), "utf8") }));
}

/** Reads the schema's SQL files out of the installed package. */
export function readSchemaFiles(): SchemaFiles {
  const folder = join(dirname(packageFile()), "schema");
  const { version }: { version: string } = JSON.parse(readFileSync(packageFile(), "utf8"));
  return {
    migrations: readFolder(join(folder, "migrations")),
    functions: readFolder(join(folder, "functions")),
    citusFunctions: readFolder(join(folder, "functions", "citus")),
    roles: { name: "roles", text: readFileSync(join(folder, "roles.sql"), "utf8") },
    version,
  };
}

/** SHA-256 over names and texts, hex. */
export function checksumOf(files: readonly SqlFile[]): string {
  const hash = createHash("sha256");
  for (const { name, text } of files) hash.update(`${name}\0${text}\0`);
  return hash.digest("hex");
}

/** The views and functions for a database whose spans lie in one place, or are spread over a Citus cluster. */
export function functionsFor(
  { functions, citusFunctions = [] }: SchemaFiles,
  isSpread: boolean,
): readonly SqlFile[] {
  if (!isSpread) return functions;
  return functions.map((file) => citusFunctions.find(({ name }) => name === file.name) ?? file);
}
