/** What `kafka-trail/export` reads from the environment; the exporter and the SDK read their own `OTEL_*` themselves. */
export interface ExportEnvironment {
  /** `OTEL_SDK_DISABLED`: nothing is exported and nothing is registered. */
  readonly isDisabled: boolean;
  /** `OTEL_TRACES_EXPORTER`: `none` means that another part of the app exports. */
  readonly isExporterNone: boolean;
  /** `OTEL_BSP_SCHEDULE_DELAY`, milliseconds. */
  readonly delayMs: number | undefined;
  /** `OTEL_BSP_EXPORT_TIMEOUT`, milliseconds. */
  readonly timeoutMs: number | undefined;
  /** `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`, spans. */
  readonly batchSpansMax: number | undefined;
  /** `OTEL_BSP_MAX_QUEUE_SIZE`, spans. */
  readonly queueSpansMax: number | undefined;
  /** `OTEL_EXPORTER_OTLP_TRACES_PROTOCOL`, else `OTEL_EXPORTER_OTLP_PROTOCOL`, else gRPC. */
  readonly protocol: string;
  /** `OTEL_PROPAGATORS`, in order. */
  readonly propagators: readonly string[];
}

/** Reads the variables of OpenTelemetry's specification that concern the queue and the registration. */
export function readEnvironment(): ExportEnvironment {
  return {
    isDisabled: read("OTEL_SDK_DISABLED")?.toLowerCase() === "true",
    isExporterNone: read("OTEL_TRACES_EXPORTER") === "none",
    delayMs: whole("OTEL_BSP_SCHEDULE_DELAY"),
    timeoutMs: whole("OTEL_BSP_EXPORT_TIMEOUT"),
    batchSpansMax: whole("OTEL_BSP_MAX_EXPORT_BATCH_SIZE"),
    queueSpansMax: whole("OTEL_BSP_MAX_QUEUE_SIZE"),
    protocol: read("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") ?? read("OTEL_EXPORTER_OTLP_PROTOCOL") ?? "grpc",
    propagators: (read("OTEL_PROPAGATORS") ?? "tracecontext,baggage").split(",").map((name) => name.trim()),
  };
}

function read(name: string): string | undefined {
  const value = process.env[name]?.trim();
  return value === "" ? undefined : value;
}

/** A positive whole number; anything else counts as not set, as the specification asks. */
function whole(name: string): number | undefined {
  const value = Number(read(name));
  return Number.isInteger(value) && value > 0 ? value : undefined;
}
