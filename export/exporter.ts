import type { SpanExporter } from "@opentelemetry/sdk-trace-node";
import type * as Grpc from "@opentelemetry/exporter-trace-otlp-grpc";
import type * as Http from "@opentelemetry/exporter-trace-otlp-http";
import type * as Proto from "@opentelemetry/exporter-trace-otlp-proto";
import { load } from "./peers.ts";

// The requires are literals, so that a bundler finds the one that is used.
const MAKERS: Readonly<Record<string, (config: { url?: string }) => SpanExporter>> = {
  grpc: (config) =>
    new (load(
      "@opentelemetry/exporter-trace-otlp-grpc",
      () => require("@opentelemetry/exporter-trace-otlp-grpc") as typeof Grpc,
    ).OTLPTraceExporter)(config),
  "http/protobuf": (config) =>
    new (load(
      "@opentelemetry/exporter-trace-otlp-proto",
      () => require("@opentelemetry/exporter-trace-otlp-proto") as typeof Proto,
      "npm install @opentelemetry/exporter-trace-otlp-proto",
    ).OTLPTraceExporter)(config),
  "http/json": (config) =>
    new (load(
      "@opentelemetry/exporter-trace-otlp-http",
      () => require("@opentelemetry/exporter-trace-otlp-http") as typeof Http,
      "npm install @opentelemetry/exporter-trace-otlp-http",
    ).OTLPTraceExporter)(config),
};

/** As `OTEL_EXPORTER_OTLP_ENDPOINT` is read: over HTTP the path of traces comes behind an address that names none. */
function urlOf(protocol: string, endpoint: string): string {
  if (protocol === "grpc" || !URL.canParse(endpoint)) return endpoint;
  const url = new URL(endpoint);
  if (url.pathname === "/") url.pathname = "/v1/traces";
  return url.href;
}

/**
 * Returns the OTLP exporter for `OTEL_EXPORTER_OTLP_PROTOCOL`; it reads the other `OTEL_EXPORTER_OTLP_*` itself.
 *
 * Throws where the protocol is unknown or its package is not installed.
 */
export function createExporter(protocol: string, endpoint: string | undefined): SpanExporter {
  const make = MAKERS[protocol];
  if (!make) {
    const known = Object.keys(MAKERS).join(", ");
    throw new Error(`OTEL_EXPORTER_OTLP_PROTOCOL is ${protocol}; known are ${known}. Set one of them.`);
  }
  return make(endpoint === undefined ? {} : { url: urlOf(protocol, endpoint) });
}
