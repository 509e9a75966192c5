import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { findOrBuild, type GoProgram, whyMissing } from "./go-build.ts";
import { type OtelService, startOtelProgram } from "./otel-program.ts";
import { freePorts } from "./ports.ts";
import { type Progress, quiet } from "./progress.ts";
import { repositoryRoot } from "./root.ts";

const VERSION = "0.159.0";

const COLLECTOR: GoProgram = {
  title: `the OpenTelemetry Collector ${VERSION}`,
  variable: "OTELCOL_BIN",
  commands: ["otelcol", "otelcol-contrib"],
  key: `otelcol-${VERSION}`,
  duration: "about 3 minutes on 2 cores",
  async build(go, directory) {
    await copyFile(join(repositoryRoot(), "dev", "otelcol-builder.yaml"), join(directory, "builder.yaml"));
    await go("go", ["install", `go.opentelemetry.io/collector/cmd/builder@v${VERSION}`], {
      cwd: directory,
      env: { GOBIN: directory },
    });
    await go(join(directory, "builder"), ["--config", "builder.yaml"], { cwd: directory });
    return join(directory, "built", "otelcol");
  },
};

/** Tells why the collector is not to be had on this machine, if so. */
export const whyNoCollector = (): string | undefined => whyMissing(COLLECTOR);

/** Returns the collector's binary: `OTELCOL_BIN`, PATH, built before, or built now. */
export const findOrBuildCollector = (onProgress: Progress = quiet): Promise<string> =>
  findOrBuild(COLLECTOR, onProgress);

/** How to run the checkout's `otel-collector.yaml`. */
export interface CollectorOptions {
  readonly kafkaBrokers: readonly string[];
  /** Default `otlp_spans`. It must exist: the collector makes no topics. */
  readonly spanTopic?: string;
  /** host:port of an OTLP/gRPC receiver. Default: none listens there, and the collector says so in its log. */
  readonly jaegerEndpoint?: string;
  readonly onProgress?: Progress;
}

/** A running collector. */
export interface CollectorService extends OtelService {
  readonly otlpGrpcPort: number;
  readonly otlpHttpPort: number;
}

/** Validates `otel-collector.yaml` with the real collector and runs it on free ports. */
export async function startCollector(options: CollectorOptions): Promise<CollectorService> {
  const binary = await findOrBuildCollector(options.onProgress);
  const [otlpGrpcPort = 0, otlpHttpPort = 0, healthPort = 0, metricsPort = 0, nowhere = 0] =
    await freePorts(5);
  const service = await startOtelProgram({
    title: "The collector",
    binary,
    configFile: join(repositoryRoot(), "otel-collector.yaml"),
    env: {
      KAFKA_BROKERS: options.kafkaBrokers.join(","),
      KAFKA_TRAIL_SPAN_TOPIC: options.spanTopic ?? "otlp_spans",
      JAEGER_ENDPOINT: options.jaegerEndpoint ?? `127.0.0.1:${nowhere}`,
      OTELCOL_HOST: "127.0.0.1",
      OTELCOL_OTLP_GRPC_PORT: String(otlpGrpcPort),
      OTELCOL_OTLP_HTTP_PORT: String(otlpHttpPort),
      OTELCOL_HEALTH_PORT: String(healthPort),
      OTELCOL_METRICS_PORT: String(metricsPort),
    },
    healthUrl: `http://127.0.0.1:${healthPort}/`,
  });
  return { ...service, otlpGrpcPort, otlpHttpPort };
}
