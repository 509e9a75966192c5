import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { BasicTracerProvider, type ReadableSpan } from "@opentelemetry/sdk-trace-base";

/** A tracer and a propagator of a gate's own, and every span that ended. */
export interface CollectedSpans {
  readonly options: {
    readonly tracer: ReturnType<BasicTracerProvider["getTracer"]>;
    readonly propagator: W3CTraceContextPropagator;
  };
  readonly ended: readonly ReadableSpan[];
  /** Forgets what has ended so far. */
  readonly clear: () => void;
}

/** Collects spans in memory. Nothing global is set. */
export function collectSpans(): CollectedSpans {
  const ended: ReadableSpan[] = [];
  const provider = new BasicTracerProvider({
    spanProcessors: [
      {
        onStart: () => undefined,
        onEnd: (span) => void ended.push(span),
        forceFlush: async () => undefined,
        shutdown: async () => undefined,
      },
    ],
  });
  return {
    options: { tracer: provider.getTracer("gate"), propagator: new W3CTraceContextPropagator() },
    ended,
    clear: () => void (ended.length = 0),
  };
}
