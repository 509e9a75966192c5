// Compiles the library, the store and the programs around them. One after the other, as each reads the types of the one before.
import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
const projects = [
  { config: "tsconfig.build.json", output: "dist" },
  { config: "trace-store/tsconfig.build.json", output: "trace-store/dist" },
  { config: "tsconfig.dev.json", output: ".build" },
];

for (const { config, output } of projects) {
  if (!existsSync(join(root, config))) continue;
  if (process.argv.includes("--clean")) rmSync(join(root, output), { recursive: true, force: true });
  const { status } = spawnSync(process.execPath, [tsc, "-p", config], { cwd: root, stdio: ["ignore", 2, 2] });
  if (status !== 0) {
    process.stderr.write(`build: tsc -p ${config} failed\n`);
    process.exit(1);
  }
}
