import { context } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { AggregationTemporality, MeterProvider } from "@opentelemetry/sdk-metrics";
import { MetricReader, type DataPoint, type Histogram } from "@opentelemetry/sdk-metrics";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
  type Sampler,
} from "@opentelemetry/sdk-trace-base";

/** A reader that collects when asked and never by itself. */
class MetricsOnDemand extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

/** A tracer, a meter and a propagator whose output can be read back. Nothing global is set. */
export function tracing({ sampler }: { sampler?: Sampler } = {}) {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(exporter)],
    ...(sampler && { sampler }),
  });
  const reader = new MetricsOnDemand({
    aggregationTemporalitySelector: () => AggregationTemporality.CUMULATIVE,
  });
  const meterProvider = new MeterProvider({ readers: [reader] });
  const tracer = provider.getTracer("test");
  const meter = meterProvider.getMeter("test");
  const propagator = new W3CTraceContextPropagator();
  return {
    tracer,
    meter,
    propagator,
    provider,
    /** What `traceKafka` and its siblings take. */
    options: { tracer, meter, propagator },
    /** Every span that has ended, oldest first. */
    finished: (): ReadableSpan[] => exporter.getFinishedSpans(),
    reset: () => exporter.reset(),
    /** The data points of one metric, by name. */
    metric: async (name: string): Promise<DataPoint<number | Histogram>[]> => {
      const { resourceMetrics } = await reader.collect();
      const found = resourceMetrics.scopeMetrics
        .flatMap((scope) => scope.metrics)
        .find((metric) => metric.descriptor.name === name);
      return (found?.dataPoints ?? []) as DataPoint<number | Histogram>[];
    },
  };
}

/** The finished spans of one name. */
export function named(spans: readonly ReadableSpan[], name: string): ReadableSpan[] {
  return spans.filter((span) => span.name === name);
}

/** A span's context as its `traceparent`. */
export function traceparent(span: ReadableSpan): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-0${traceFlags}`;
}

/**
 * Makes `context.active()` follow promises, as an SDK does when it starts. Jest gives each test file globals of its own,
 * so this reaches no other file.
 */
export function followContext(): void {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
}
