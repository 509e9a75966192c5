import { type Child, emptyLog, lastLines, runToEnd, startChild, temporaryDirectory } from "./child.ts";
import { waitUntil } from "./wait.ts";

/** A program of the OpenTelemetry Collector's family (Jaeger is one), with the file that configures it. */
export interface OtelProgram {
  /** For errors. */
  readonly title: string;
  readonly binary: string;
  readonly configFile: string;
  /** What the file takes from the environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Answers 200 when the program is up. */
  readonly healthUrl: string;
}

/** A running program. */
export interface OtelService {
  /** The end of what it logged. */
  log(): Promise<string>;
  stop(): Promise<void>;
}

/** Lets the program validate its configuration, runs it and waits until it is healthy. */
export async function startOtelProgram(program: OtelProgram): Promise<OtelService> {
  const directory = temporaryDirectory("otel");
  const logFile = emptyLog(directory.path, "log");
  const env = { ...process.env, ...program.env };
  const config = ["--config", program.configFile];

  await runToEnd({ command: program.binary, args: ["validate", ...config], env, logFile });
  const child = await startChild({ command: program.binary, args: config, env, logFile });
  await waitUntil(`The start of ${program.title}`, () => isHealthy(program, child, logFile), {
    timeoutMs: 30_000,
  });
  return {
    log: () => lastLines(logFile, 1_000),
    async stop() {
      await child.stop();
      await directory.remove();
    },
  };
}

async function isHealthy({ title, healthUrl }: OtelProgram, child: Child, logFile: string): Promise<boolean> {
  if (child.exit() !== undefined) {
    throw new Error(`${title} ended while it started. Its last words:\n${await lastLines(logFile)}`);
  }
  const answer = await fetch(healthUrl).catch(() => undefined);
  return answer?.ok === true;
}
