import type * as Resources from "@opentelemetry/resources";
import type * as Sdk from "@opentelemetry/sdk-trace-node";

/** The SDK packages that every export needs. */
export interface Peers {
  readonly sdk: typeof Sdk;
  readonly resources: typeof Resources;
}

const INSTALL =
  "npm install @opentelemetry/sdk-trace-node @opentelemetry/resources @opentelemetry/exporter-trace-otlp-grpc";

/**
 * Loads the optional peer packages. They are literals, so that a bundler finds them, and loaded here, so that an app
 * without an exporter need not install them.
 *
 * Throws an Error that names the first missing package and the line that installs it.
 */
export function loadPeers(): Peers {
  return {
    sdk: load("@opentelemetry/sdk-trace-node", () => require("@opentelemetry/sdk-trace-node") as typeof Sdk),
    resources: load(
      "@opentelemetry/resources",
      () => require("@opentelemetry/resources") as typeof Resources,
    ),
  };
}

/** Runs `require`; a package that is not there becomes a sentence with its install line. */
export function load<T>(name: string, run: () => T, install: string = INSTALL): T {
  try {
    return run();
  } catch (cause) {
    const isMissing = cause instanceof Error && "code" in cause && cause.code === "MODULE_NOT_FOUND";
    if (!isMissing || !cause.message.includes(name)) throw cause;
    throw new Error(`${name} is not installed, and exporting spans needs it. Run: ${install}`, { cause });
  }
}
