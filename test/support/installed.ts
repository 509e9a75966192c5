import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ROOT } from "./program.ts";

/** A folder of some stranger's app, with packages installed from the tarball and the registry. */
export interface Installed {
  readonly folder: string;
  readonly tarball: string;
  /** Writes a file of the app's and returns its path. */
  readonly write: (name: string, text: string) => string;
  readonly remove: () => void;
}

/** Runs npm quietly; its output is in the error when it fails. */
export function npm(folder: string, ...words: readonly string[]): string {
  return execFileSync("npm", [...words, "--no-audit", "--no-fund", "--ignore-scripts"], {
    cwd: folder,
    encoding: "utf8",
    // The workspace's own settings must not reach the stranger's folder.
    env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "", ...registry() },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Where npm was told by variables to look for packages, as on machines behind a proxy. */
function registry(): Record<string, string> {
  const names = Object.keys(process.env).filter((name) =>
    /^npm_config_(registry|cache|.*proxy)$/i.test(name),
  );
  return Object.fromEntries(names.map((name) => [name, process.env[name] ?? ""]));
}

/** Packs this checkout's library and installs it, with the packages named, as a stranger would. */
export function installPacked(packages: readonly string[]): Installed {
  const folder = mkdtempSync(join(tmpdir(), "kafka-trail-app-"));
  const [packed] = JSON.parse(
    npm(ROOT, "pack", "--json", "--pack-destination", folder, "--workspace", "kafka-trail"),
  ) as {
    filename: string;
  }[];
  const tarball = join(folder, packed?.filename ?? "");
  writeFileSync(
    join(folder, "package.json"),
    JSON.stringify({ name: "app", version: "1.0.0", private: true }),
  );
  npm(folder, "install", "--prefer-offline", "--legacy-peer-deps", tarball, ...packages);
  return {
    folder,
    tarball,
    write(name, text) {
      const path = join(folder, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
      return path;
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
