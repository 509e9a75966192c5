import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { context, propagation, trace } from "@opentelemetry/api";
import type { Attributes, TracerProvider } from "@opentelemetry/api";
import type { Sampler, SpanExporter } from "@opentelemetry/sdk-trace-node";
import { warn, warnAtExit } from "../trace-context/index.ts";
import { isSdkRegistered } from "../trace-context/registered-sdk.ts";
import { type ExportEnvironment, readEnvironment } from "./config.ts";
import { createExporter } from "./exporter.ts";
import { flushOnExit } from "./on-exit.ts";
import { loadPeers, type Peers } from "./peers.ts";
import { createPropagator } from "./propagators.ts";
import { SpanQueue, type SpanQueueStats } from "./span-queue.ts";
import { createTraceIds } from "./trace-ids.ts";

/** How spans leave the app. What is left out comes from the standard `OTEL_*` variables, then from the defaults. */
export interface ExportOptions {
  /** Name of this service. Default: `OTEL_SERVICE_NAME`, else the name in the working directory's package.json. */
  serviceName?: string;
  /** More about this process, e.g. `{ "deployment.environment.name": "prod" }`. Wins over `OTEL_RESOURCE_ATTRIBUTES`. */
  resourceAttributes?: Attributes;
  /**
   * Where the collector or the trace store listens for OTLP, e.g. `http://collector:4317`; `/v1/traces` is added over HTTP
   * where it names no path. Default: `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, else
   * `OTEL_EXPORTER_OTLP_ENDPOINT`, else `http://localhost:4317`.
   */
  endpoint?: string;
  /** Takes the spans instead of the OTLP exporter. */
  exporter?: SpanExporter;
  /** Default: what `OTEL_TRACES_SAMPLER` says, else every trace. The store's answers are complete only without sampling. */
  sampler?: Sampler;
  /**
   * Heap that spans waiting for the exporter may hold, bytes. Raise it for bursts over 50,000 spans or to bridge longer
   * outages of the collector; at the limit new spans are dropped and counted. Default 32 MiB, at least 1 MiB.
   */
  queueBytesMax?: number;
  /**
   * Makes trace ids that begin with the time, in the layout of UUIDv7, so that the store looks into one slice of time
   * and not into all. Default `true`: samplers and W3C Trace Context need only the last seven bytes random, and a
   * span shows its time anyway. Set `false` where trace ids are given to people who must not learn when.
   */
  timeOrderedTraceIds?: boolean;
  /**
   * Flushes at SIGTERM and SIGINT, for five seconds at most, and when the app has nothing more to do, for as long as one
   * request may take (`OTEL_EXPORTER_OTLP_TIMEOUT`, 10 s); what is left behind all the same is said on stderr. Default
   * `true`. Nobody can flush at `process.exit()`: await {@link ExportHandle.shutdown} before it.
   */
  flushOnExit?: boolean;
}

/** A running export. */
export interface ExportHandle {
  /** False when there is nothing to do or no way to do it; the reason was said on stderr. */
  readonly isExporting: boolean;
  /** The provider that was registered, or the one already there. */
  readonly tracerProvider: TracerProvider;
  /** How many spans wait, were exported and were dropped. */
  stats(): SpanQueueStats;
  /** Exports what waits. Never rejects. */
  flush(): Promise<void>;
  /** Exports what waits, for five seconds at most, and stops. Never rejects. */
  shutdown(): Promise<void>;
}

const MIB = 1024 * 1024;
const QUEUE_BYTES_MAX = 32 * MIB;
const FLUSH_ON_EXIT_MS = 5_000;
const LEFT_BEHIND =
  "still waiting to be exported when the process ended. Does a collector listen where " +
  "OTEL_EXPORTER_OTLP_ENDPOINT says? An app that calls process.exit() awaits startExport().shutdown() before it.";
const EMPTY: SpanQueueStats = { waitingSpans: 0, waitingBytes: 0, exportedSpans: 0, droppedSpans: 0 };

let running: ExportHandle | undefined;

/**
 * Starts a tracer provider that exports every span over OTLP/gRPC, and registers it for the whole process.
 *
 * Call it once, before the first message; a second call returns the first one's handle. It never throws: where it cannot
 * export, as a package is missing or another SDK is registered, it says so in one warning and the app runs on.
 *
 * @example
 * import { startExport } from "kafka-trail/export";
 * const spans = startExport({ serviceName: "checkout", endpoint: "http://collector:4317" });
 * // ... at the end of the app's own shutdown:
 * await spans.shutdown();
 */
export function startExport(options: ExportOptions = {}): ExportHandle {
  // Not diag: without an SDK nobody has given it a logger, and the sentence would go unheard.
  return startExportOr((problem) => process.emitWarning(problem, { type: "kafka-trail" }), options);
}

/** {@link startExport} that hands its one sentence about what is wrong to `say`. */
export function startExportOr(say: (problem: string) => void, options: ExportOptions = {}): ExportHandle {
  if (running) return running;
  const environment = readEnvironment();
  if (environment.isDisabled || environment.isExporterNone) return inert();
  if (isSdkRegistered()) {
    say("An OpenTelemetry SDK is already registered: it exports the spans, and startExport() does nothing.");
    return inert();
  }
  try {
    running = start(options, environment, loadPeers());
    return running;
  } catch (error) {
    say(`No spans will be exported. ${error instanceof Error ? error.message : String(error)}`);
    return inert();
  }
}

function start(options: ExportOptions, environment: ExportEnvironment, peers: Peers): ExportHandle {
  const propagator = createPropagator(environment.propagators);
  const exporter = options.exporter ?? createExporter(environment.protocol, options.endpoint);
  const queue = new SpanQueue(exporter, {
    bytesMax: queueBytesOf(options),
    spansMax: environment.queueSpansMax,
    batchSpansMax: environment.batchSpansMax ?? 512,
    delayMs: environment.delayMs ?? 1_000,
    timeoutMs: environment.timeoutMs ?? 30_000,
  });
  const provider = new peers.sdk.NodeTracerProvider({
    resource: resourceOf(options, peers),
    idGenerator: createTraceIds({ timeOrdered: options.timeOrderedTraceIds ?? true }),
    spanProcessors: [queue],
    ...(options.sampler && { sampler: options.sampler }),
  });
  provider.register(propagator ? { propagator } : {});
  const undo = options.flushOnExit === false ? () => {} : flushOnExit(exitHooks(queue));
  return {
    isExporting: true,
    tracerProvider: provider,
    stats: () => queue.stats,
    flush: () => queue.forceFlush(),
    async shutdown() {
      undo();
      await queue.close(FLUSH_ON_EXIT_MS);
      if (running?.tracerProvider !== provider) return;
      running = undefined;
      trace.disable();
      context.disable();
      propagation.disable();
    },
  };
}

/** A bound that is no number would be none at all. */
function queueBytesOf({ queueBytesMax = QUEUE_BYTES_MAX }: ExportOptions): number {
  if (Number.isFinite(queueBytesMax)) return Math.max(MIB, queueBytesMax);
  warn(
    `the option queueBytesMax is ${String(queueBytesMax)}; expected a number of bytes. The default holds, 32 MiB.`,
  );
  return QUEUE_BYTES_MAX;
}

function exitHooks(queue: SpanQueue) {
  let flushedSpans = 0;
  const endedSpans = () => queue.stats.exportedSpans + queue.stats.waitingSpans;
  return {
    hasNews: () => queue.stats.waitingSpans > 0 && !queue.isFailing && endedSpans() > flushedSpans,
    async flush() {
      flushedSpans = endedSpans();
      queue.hurry();
      await queue.flushWithin(FLUSH_ON_EXIT_MS);
    },
    atEnd() {
      const { waitingSpans } = queue.stats;
      const spans = waitingSpans === 1 ? "1 span was" : `${waitingSpans} spans were`;
      if (waitingSpans > 0) warnAtExit(`${spans} ${LEFT_BEHIND}`);
    },
  };
}

function resourceOf({ serviceName, resourceAttributes }: ExportOptions, { resources }: Peers) {
  const { defaultResource, detectResources, envDetector, resourceFromAttributes } = resources;
  const fallbackName = packageName();
  const known = resourceFromAttributes({
    ...(fallbackName !== undefined && { "service.name": fallbackName }),
    "host.name": hostname(),
    "process.pid": process.pid,
    "service.instance.id": randomUUID(),
    "telemetry.distro.name": "kafka-trail",
  });
  const given = resourceFromAttributes({
    ...resourceAttributes,
    ...(serviceName !== undefined && { "service.name": serviceName }),
  });
  return defaultResource()
    .merge(known)
    .merge(detectResources({ detectors: [envDetector] }))
    .merge(given);
}

function inert(): ExportHandle {
  return {
    isExporting: false,
    tracerProvider: trace.getTracerProvider(),
    stats: () => EMPTY,
    flush: async () => {},
    shutdown: async () => {},
  };
}

/** Name in the package.json of the working directory: better than the SDK's `unknown_service:node`. */
function packageName(): string | undefined {
  try {
    const { name } = JSON.parse(readFileSync(join(process.cwd(), "package.json"), "utf8")) as {
      name?: unknown;
    };
    return typeof name === "string" && name !== "" ? name : undefined;
  } catch {
    // Most containers run where no package.json is.
    return undefined;
  }
}
