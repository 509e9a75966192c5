import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type ChildOptions, emptyLog, runToEnd, temporaryDirectory } from "./child.ts";
import { cached, findCached } from "./cache.ts";
import { type Progress, timed } from "./progress.ts";
import { findGo, findOnPath } from "./tools.ts";

/** The oldest Go, as 1.x, that builds what we build. */
const GO_MINOR_MIN = 25;

/** A program that is taken as it is found, and built with Go from its published modules where it is not. */
export interface GoProgram {
  /** As a person calls it. */
  readonly title: string;
  /** Names a binary outright. */
  readonly variable: string;
  /** What it may be called on PATH. */
  readonly commands: readonly string[];
  /** Names the cache entry, with the version; the binary in it has this name too. */
  readonly key: string;
  /** How long the build takes, in words. */
  readonly duration: string;
  /** Builds in `directory`, and returns the path of the binary. */
  build(go: GoRunner, directory: string): Promise<string>;
}

/** Runs a command of the build, with the environment that module builds want. */
export type GoRunner = (
  command: string,
  args: readonly string[],
  where: { cwd: string; env?: NodeJS.ProcessEnv },
) => Promise<void>;

/** Tells why a program is not to be had here, if so: neither installed, nor built before, nor can it be built. */
export function whyMissing(program: GoProgram): string | undefined {
  if (findInstalled(program) !== undefined) return undefined;
  const go = findGo(GO_MINOR_MIN);
  if ("path" in go) return undefined;
  return (
    `Cannot find or build ${program.title}: ${program.variable} is not set, PATH has no ${program.commands.join(" or ")}, ` +
    `none was built before, and none can be built (${go.missing}). Install it, or Go 1.${GO_MINOR_MIN}.`
  );
}

/** Finds a program's binary by its variable, on PATH or in the cache; else builds it, once. */
export async function findOrBuild(program: GoProgram, onProgress: Progress): Promise<string> {
  const installed = findInstalled(program);
  if (installed !== undefined) return installed;
  const missing = whyMissing(program);
  if (missing !== undefined) throw new Error(missing);

  const what = `Building ${program.title} with Go (once, ${program.duration})`;
  const make = (directory: string) => timed(onProgress, what, () => build(program, directory));
  const entry = await cached(program.key, make, onProgress);
  return join(entry, program.key);
}

function findInstalled({ variable, commands, key }: GoProgram): string | undefined {
  const named = process.env[variable];
  if (named) return named;
  const onPath = commands.map(findOnPath).find((it) => it !== undefined);
  if (onPath !== undefined) return onPath;
  const entry = findCached(key);
  return entry && join(entry, key);
}

async function build(program: GoProgram, directory: string): Promise<void> {
  const work = temporaryDirectory("build");
  const logFile = emptyLog(work.path, "build.log");
  // GOTOOLCHAIN=local: no other Go is downloaded behind one's back. Niceness: tests run meanwhile.
  const environment = { CGO_ENABLED: "0", GOFLAGS: "-mod=mod", GOTOOLCHAIN: "local", GOWORK: "off" };
  const go: GoRunner = async (command, args, { cwd, env }) => {
    const options: ChildOptions = {
      command,
      args,
      cwd,
      env: { ...process.env, ...environment, ...env },
      logFile,
      niceness: 10,
    };
    await runToEnd(options);
  };
  const source = join(work.path, "source");
  await mkdir(source);
  await copyFile(await program.build(go, source), join(directory, program.key));
  await work.remove();
}
