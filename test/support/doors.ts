import { execFile } from "node:child_process";
import { join } from "node:path";
import { readConfig } from "../../trace-store/config.ts";
import { createLog } from "../../trace-store/log.ts";
import type { Query } from "../../trace-store/query/questions.ts";
import { createQuery } from "../../trace-store/query/query.ts";
import { runCli } from "../../trace-store/serve/cli.ts";
import type { HealthCheck } from "../../trace-store/serve/health.ts";
import { createHttpServer, type HttpLimits, type HttpServer } from "../../trace-store/serve/http.ts";
import { migratedDatabase, type TestDatabase, type TestServer } from "./database.ts";
import { startTestIndexer } from "./indexer.ts";
import { encodeTraces, type TestSpan } from "./otlp.ts";
import { ROOT } from "./program.ts";

/** A store on a database of its own, with every door open. */
export interface TestStore {
  readonly database: TestDatabase;
  readonly query: Query;
  readonly http: HttpServer;
  /** Hands spans in by OTLP/HTTP; they are stored when this resolves. */
  take(spans: readonly TestSpan[]): Promise<void>;
  close(): Promise<void>;
}

/** Opens a store, on the run's own Postgres unless another is named. */
export async function openStore(server?: TestServer): Promise<TestStore> {
  const database = await migratedDatabase(server);
  const indexer = await startTestIndexer({
    databaseUrl: database.url,
    // Long ones: fewer of them, each of which is many tables on a cluster.
    env: { KAFKA_TRAIL_SLICE_MINUTES: "1440" },
  });
  const query = createQuery({ databaseUrl: database.url, connectionsMax: 4 });
  const http = await openHttpDoor(query);
  return {
    database,
    query,
    http,
    async take(spans) {
      const response = await fetch(`http://127.0.0.1:${indexer.otlpHttpPort}/v1/traces`, {
        method: "POST",
        headers: { "content-type": "application/x-protobuf" },
        body: new Uint8Array(encodeTraces(spans)),
      });
      if (!response.ok) throw new Error(`OTLP answered ${response.status}: ${await response.text()}`);
    },
    async close() {
      await http.close();
      await query.close();
      await indexer.stop();
      await database.drop();
    },
  };
}

/** Opens the HTTP door of a question, on a port that is free, with an environment of its own. */
export function openHttpDoor(
  query: Query,
  options: {
    readonly env?: Readonly<Record<string, string>>;
    readonly limits?: Partial<HttpLimits>;
    readonly checks?: readonly HealthCheck[];
  } = {},
): Promise<HttpServer> {
  const { checks = [{ name: "postgres", isReady: true, says: "Postgres answers." }] } = options;
  return createHttpServer({
    query,
    config: readConfig({ KAFKA_TRAIL_HTTP_PORT: "0", ...options.env }),
    health: { check: () => Promise.resolve(checks) },
    log: createLog("silent"),
    version: "1.2.3",
    ...(options.limits && { limits: options.limits }),
  });
}

/** What a run of the program left behind. */
export interface CliRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

type CliOptions = Parameters<typeof runCli>[1];

/** Runs the program in this process. Without a `url` nothing answers. */
export async function runProgram(
  argv: readonly string[],
  given: { url?: string; token?: string; isTty?: boolean } & Partial<CliOptions["operations"]> = {},
): Promise<CliRun> {
  const { url = "http://127.0.0.1:1", token, isTty = false, ...operations } = given;
  const written = { stdout: "", stderr: "" };
  const sink = (name: "stdout" | "stderr") => ({ write: (text: string) => (written[name] += text) });
  const notHere = () => Promise.reject(new Error("this test runs no operation"));
  const code = await runCli(argv, {
    config: { url, token },
    version: "1.2.3",
    operations: {
      up: notHere,
      migrate: notHere,
      purge: notHere,
      quarantined: notHere,
      retryQuarantined: notHere,
      ...operations,
    },
    stdout: sink("stdout"),
    stderr: sink("stderr"),
    isTty,
    noColor: true,
  });
  return { code, ...written };
}

/** Runs the program as it is installed, in a process of its own. */
export function runInstalled(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<CliRun> {
  const program = join(ROOT, "trace-store", "bin", "kafka-trail.js");
  return new Promise((resolve) => {
    const environment = { PATH: process.env["PATH"], ...env };
    execFile(process.execPath, [program, ...argv], { env: environment }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
  });
}
