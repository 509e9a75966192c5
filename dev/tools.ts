import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** A program of the machine that can be used, or why it cannot. */
export type Tool = { readonly path: string } | { readonly missing: string };

/** Finds an executable on PATH. */
export function findOnPath(name: string): string | undefined {
  for (const directory of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(directory, name);
    if (directory !== "" && isExecutable(path)) return path;
  }
  return undefined;
}

/** Finds Java in JAVA_HOME or on PATH, at least of the given major version. */
export function findJava(majorMin: number): Tool {
  const home = process.env["JAVA_HOME"];
  const path = home ? join(home, "bin", "java") : findOnPath("java");
  if (path === undefined) return { missing: "no java on PATH" };
  const seen = output(path, ["-version"]);
  const major = Number(/version "(\d+)/.exec(seen)?.[1]);
  if (major >= majorMin) return { path };
  return {
    missing: `${path} is not Java ${majorMin} or newer (${seen.split("\n")[0] || "it says nothing"})`,
  };
}

/** Finds Go on PATH, at least 1.`minorMin`. */
export function findGo(minorMin: number): Tool {
  const path = findOnPath("go");
  if (path === undefined) return { missing: "no go on PATH" };
  const minor = Number(/go1\.(\d+)/.exec(output(path, ["version"]))?.[1]);
  return minor >= minorMin ? { path } : { missing: `${path} is older than Go 1.${minorMin}` };
}

/** Finds Docker, if its daemon answers: the command alone runs nothing. */
export function findDocker(): Tool {
  const path = findOnPath("docker");
  if (path === undefined) return { missing: "no docker on PATH" };
  const answered = spawnSync(path, ["info", "--format", "{{.ServerVersion}}"], { timeout: 10_000 });
  return answered.status === 0 ? { path } : { missing: "docker is here, but its daemon does not answer" };
}

function output(path: string, args: readonly string[]): string {
  const { stdout, stderr } = spawnSync(path, args, { encoding: "utf8", timeout: 30_000 });
  return `${stdout ?? ""}${stderr ?? ""}`.trim();
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
