import { trace } from "@opentelemetry/api";

/** True when some OpenTelemetry SDK has registered a tracer provider, so that spans go somewhere. */
export function isSdkRegistered(): boolean {
  const provider = trace.getTracerProvider() as {
    getDelegateTracer?: (name: string) => unknown;
  };
  // The API hands out a proxy until an SDK takes its place; asked by shape, as two copies of the API share one global.
  if (typeof provider.getDelegateTracer !== "function") return true;
  return provider.getDelegateTracer("kafka-trail") !== undefined;
}
