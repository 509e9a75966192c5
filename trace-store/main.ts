import "./memory.ts";
import { readFileSync } from "node:fs";
import { readConfig, type Config } from "./config.ts";
import { TrailError } from "./errors.ts";
import { createLog } from "./log.ts";
import { createOperations } from "./operations.ts";
import { runCli } from "./serve/cli.ts";

// The program `kafka-trail`: the one place that puts the rooms together.

function packageVersion(): string {
  const file = require.resolve("kafka-trail-store/package.json");
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

async function main(): Promise<number> {
  const version = packageVersion();
  let config: Config;
  try {
    config = readConfig();
  } catch (error) {
    if (!(error instanceof TrailError)) throw error;
    process.stderr.write(`kafka-trail: ${error.message}\n`);
    return 2;
  }
  return runCli(process.argv.slice(2), {
    config,
    version,
    stdout: process.stdout,
    stderr: process.stderr,
    isTty: process.stdout.isTTY,
    noColor: config.noColor,
    operations: createOperations(config, version, () => createLog(config.logLevel)),
  });
}

// `kafka-trail show ... | head`: whoever reads has had enough, and that is no fault.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

void main().then((code) => {
  process.exitCode = code;
});
