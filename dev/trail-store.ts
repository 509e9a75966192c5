import { join } from "node:path";
import { startChild, emptyLog, lastLines, temporaryDirectory, type Child } from "./child.ts";
import { freePorts } from "./ports.ts";
import { repositoryRoot } from "./root.ts";
import { waitUntil } from "./wait.ts";

/** A running `kafka-trail up`. */
export interface Store {
  readonly url: string;
  readonly otlpGrpcPort: number;
  readonly otlpHttpPort: number;
  readonly child: Child;
  stop(): Promise<void>;
}

export interface StoreOptions {
  readonly databaseUrl: string;
  /** Without it spans come by OTLP only. */
  readonly brokers?: readonly string[];
  /** Default: three free ones. */
  readonly ports?: { readonly http: number; readonly otlpGrpc: number; readonly otlpHttp: number };
  /** Another program than the store's own: a mutant. */
  readonly program?: string;
  /** More `KAFKA_TRAIL_*` variables. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts the store as its users do, and waits until it is ready. */
export async function startStore(options: StoreOptions): Promise<Store> {
  const [http = 0, otlpGrpc = 0, otlpHttp = 0] = options.ports
    ? [options.ports.http, options.ports.otlpGrpc, options.ports.otlpHttp]
    : await freePorts(3);
  const directory = temporaryDirectory("store");
  const logFile = emptyLog(directory.path, "store.log");
  const child = await startChild({
    command: process.execPath,
    args: [options.program ?? join(repositoryRoot(), "trace-store", "bin", "kafka-trail.js"), "up"],
    logFile,
    env: {
      ...process.env,
      DATABASE_URL: options.databaseUrl,
      KAFKA_BROKERS: options.brokers?.join(",") ?? "",
      KAFKA_TRAIL_HTTP_PORT: String(http),
      KAFKA_TRAIL_OTLP_GRPC_PORT: String(otlpGrpc),
      KAFKA_TRAIL_OTLP_HTTP_PORT: String(otlpHttp),
      ...options.env,
    },
  });
  const url = `http://127.0.0.1:${http}`;
  await waitUntil(
    "kafka-trail up becoming ready",
    async () => {
      if (child.exit() !== undefined)
        throw new Error(`kafka-trail up ended at once:\n${await lastLines(logFile)}`);
      return fetch(`${url}/readyz`).then(
        (answer) => answer.ok,
        () => false,
      );
    },
    { timeoutMs: 60_000 },
  );
  return {
    url,
    otlpGrpcPort: otlpGrpc,
    otlpHttpPort: otlpHttp,
    child,
    async stop() {
      await child.stop();
      await directory.remove();
    },
  };
}
