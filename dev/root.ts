import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** Finds the checkout, from its source as well as from the compiled files in it. */
export function repositoryRoot(): string {
  for (let path = __dirname; path !== dirname(path); path = dirname(path)) {
    if (existsSync(join(path, "otel-collector.yaml")) && existsSync(join(path, "package.json"))) return path;
  }
  throw new Error(
    `No kafka-trail checkout around ${__dirname}; the development services run only inside one.`,
  );
}
